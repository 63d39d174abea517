// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_SCHEDULER_PREFIX_KEY_H_
#define LORA_SERVER_SCHEDULER_PREFIX_KEY_H_

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/adapter/execution_pins.h"

namespace lora {

// Names the content of one full block of keys and values: a chained SHA-256
// over everything that determines it. Equal keys mean equal content.
struct PrefixKey {
  std::string digest;  // 32 bytes.

  friend auto operator<=>(const PrefixKey&, const PrefixKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PrefixKey& key) {
    return H::combine(std::move(h), key.digest);
  }
};

// Makes the keys of a sequence's blocks, one after the other.
//
//   key[0] = H(seed, tokens[0]),  key[i] = H(key[i-1], tokens[i])
//
// where the seed holds the model (fingerprint and KV dtype, as `model_tag`),
// the path and the canonical adapters with the bits of their weights.
class PrefixHasher {
 public:
  PrefixHasher(absl::string_view model_tag, ExecutionPath path,
               absl::Span<const WeightedKey> adapters);

  // The key of the next block, which holds `tokens`.
  PrefixKey Next(absl::Span<const int32_t> tokens);

 private:
  std::string previous_;
};

}  // namespace lora

#endif  // LORA_SERVER_SCHEDULER_PREFIX_KEY_H_
