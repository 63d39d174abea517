// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_MERGED_SET_H_
#define LORA_SERVER_LORA_MERGED_SET_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/adapter/execution_pins.h"

namespace lora {

// The adapters of a merged copy in canonical order: by key, each once. Made by
// CanonicalSet.
struct MergedSet {
  std::vector<WeightedKey> components;

  bool Holds(const AdapterKey& key) const;

  friend bool operator==(const MergedSet&, const MergedSet&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const MergedSet& set) {
    for (const WeightedKey& component : set.components) {
      h = H::combine(std::move(h), component.key, component.weight);
    }
    return H::combine(std::move(h), set.components.size());
  }
};

// Brings `components`, in any order, into canonical order.
//
// INVALID_ARGUMENT (WEIGHTS): none, an adapter twice, or a weight that is not
// finite.
absl::StatusOr<MergedSet> CanonicalSet(
    absl::Span<const WeightedKey> components);

// The name of a set: 32 hex digits of a hash over its keys and weights.
std::string MergedId(const MergedSet& set);

}  // namespace lora

#endif  // LORA_SERVER_LORA_MERGED_SET_H_
