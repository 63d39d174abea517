// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/finite_check.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace lora {
namespace {

// Values are compared by their bits: without the sign, they are in the order of
// the integers. They are counted block by block, in a loop without branches
// that vectorises; only a block with a hit is searched.
template <typename Bits>
std::optional<int64_t> FindLarger(absl::string_view data, Bits largest) {
  constexpr size_t kBlock = 4096;
  constexpr Bits kMagnitude = static_cast<Bits>(~Bits{0}) >> 1;
  const size_t num_values = data.size() / sizeof(Bits);
  for (size_t begin = 0; begin < num_values; begin += kBlock) {
    Bits block[kBlock];
    const size_t length = std::min(kBlock, num_values - begin);
    std::memcpy(block, data.data() + begin * sizeof(Bits),
                length * sizeof(Bits));
    size_t hits = 0;
    for (size_t i = 0; i < length; ++i) {
      hits += (block[i] & kMagnitude) > largest;
    }
    if (hits == 0) continue;
    for (size_t i = 0; i < length; ++i) {
      if ((block[i] & kMagnitude) > largest) {
        return static_cast<int64_t>(begin + i);
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> FindNonFinite(absl::string_view data, Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return FindLarger<uint32_t>(data, 0x7F7F'FFFFU);
    case Dtype::kF16:
      return FindLarger<uint16_t>(data, 0x7BFFU);
    case Dtype::kBF16:
      return FindLarger<uint16_t>(data, 0x7F7FU);
    case Dtype::kF64:
      // The largest float: what is larger becomes infinite when it is used.
      return FindLarger<uint64_t>(data, 0x47EF'FFFF'E000'0000U);
    default:
      return std::nullopt;
  }
}

}  // namespace lora
