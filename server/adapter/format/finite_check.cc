// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/finite_check.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace lora {
namespace {

// A value is not finite iff all bits of its exponent are set. Values are
// counted block by block, in a loop without branches that vectorises; only a
// block with a hit is searched.
template <typename Bits>
std::optional<int64_t> Find(absl::string_view data, Bits exponent) {
  constexpr size_t kBlock = 4096;
  const size_t num_values = data.size() / sizeof(Bits);
  for (size_t begin = 0; begin < num_values; begin += kBlock) {
    Bits block[kBlock];
    const size_t length = std::min(kBlock, num_values - begin);
    std::memcpy(block, data.data() + begin * sizeof(Bits),
                length * sizeof(Bits));
    size_t hits = 0;
    for (size_t i = 0; i < length; ++i) {
      hits += (block[i] & exponent) == exponent;
    }
    if (hits == 0) continue;
    for (size_t i = 0; i < length; ++i) {
      if ((block[i] & exponent) == exponent) {
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
      return Find<uint32_t>(data, 0x7F80'0000U);
    case Dtype::kF16:
      return Find<uint16_t>(data, 0x7C00U);
    case Dtype::kBF16:
      return Find<uint16_t>(data, 0x7F80U);
    case Dtype::kF64:
      return Find<uint64_t>(data, 0x7FF0'0000'0000'0000U);
    default:
      return std::nullopt;
  }
}

}  // namespace lora
