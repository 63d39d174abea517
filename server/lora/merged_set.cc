// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merged_set.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/sha256.h"

namespace lora {
namespace {

absl::Status BadWeights(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights,
               message);
}

}  // namespace

bool MergedSet::Holds(const AdapterKey& key) const {
  return std::any_of(
      components.begin(), components.end(),
      [&key](const WeightedKey& component) { return component.key == key; });
}

absl::StatusOr<MergedSet> CanonicalSet(
    absl::Span<const WeightedKey> components) {
  if (components.empty()) {
    return BadWeights("a merge needs at least one adapter");
  }
  MergedSet set;
  set.components.assign(components.begin(), components.end());
  std::sort(
      set.components.begin(), set.components.end(),
      [](const WeightedKey& x, const WeightedKey& y) { return x.key < y.key; });
  for (size_t i = 0; i < set.components.size(); ++i) {
    WeightedKey& component = set.components[i];
    if (!std::isfinite(component.weight)) {
      return BadWeights(absl::StrCat("the weight of adapter \"",
                                     component.key.id.value(),
                                     "\" is not a finite number"));
    }
    if (i > 0 && set.components[i - 1].key == component.key) {
      return BadWeights(absl::StrCat("adapter \"", component.key.id.value(),
                                     "\" is named twice; add its weights up"));
    }
    component.weight += 0.0f;  // One zero: -0 becomes 0.
  }
  return set;
}

std::string MergedId(const MergedSet& set) {
  Sha256 sha256;
  for (const WeightedKey& component : set.components) {
    uint32_t weight_bits = 0;
    static_assert(sizeof(weight_bits) == sizeof(component.weight));
    std::memcpy(&weight_bits, &component.weight, sizeof(weight_bits));
    sha256.Update(absl::StrCat(component.key.id.value(), " ",
                               component.key.digest, " ",
                               absl::Hex(weight_bits), "\n"));
  }
  return sha256.HexDigest().substr(0, 32);
}

}  // namespace lora
