// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TENSORFILE_DTYPE_H_
#define LORA_SERVER_TENSORFILE_DTYPE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace lora {

// The element types of safetensors, in the format's own ascending order: the
// writer lays tensors out from the last to the first.
enum class Dtype : uint8_t {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

inline constexpr int kNumDtypes = static_cast<int>(Dtype::kU64) + 1;

enum class DtypeClass : uint8_t {
  kBool,
  kInteger,
  kFloat,
  kSmallFloat,  // Floats of 8 bits and less, which need scales to be read.
  kComplex,
};

// Bits of one element; 4 and 6 are packed.
int DtypeBits(Dtype dtype);
// "BF16" for kBF16.
absl::string_view DtypeName(Dtype dtype);
DtypeClass ClassOf(Dtype dtype);
// Names are upper case, exactly; nullopt: not a safetensors type.
std::optional<Dtype> ParseDtype(absl::string_view name);

}  // namespace lora

#endif  // LORA_SERVER_TENSORFILE_DTYPE_H_
