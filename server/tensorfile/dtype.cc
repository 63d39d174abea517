// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/dtype.h"

#include <array>
#include <cstddef>

namespace lora {
namespace {

struct DtypeRow {
  absl::string_view name;
  int bits;
  DtypeClass dtype_class;
};

// By the enum's value.
constexpr std::array<DtypeRow, kNumDtypes> kRows = {{
    {"BOOL", 8, DtypeClass::kBool},
    {"F4", 4, DtypeClass::kSmallFloat},
    {"F6_E2M3", 6, DtypeClass::kSmallFloat},
    {"F6_E3M2", 6, DtypeClass::kSmallFloat},
    {"U8", 8, DtypeClass::kInteger},
    {"I8", 8, DtypeClass::kInteger},
    {"F8_E5M2", 8, DtypeClass::kSmallFloat},
    {"F8_E4M3", 8, DtypeClass::kSmallFloat},
    {"F8_E8M0", 8, DtypeClass::kSmallFloat},
    {"F8_E4M3FNUZ", 8, DtypeClass::kSmallFloat},
    {"F8_E5M2FNUZ", 8, DtypeClass::kSmallFloat},
    {"I16", 16, DtypeClass::kInteger},
    {"U16", 16, DtypeClass::kInteger},
    {"F16", 16, DtypeClass::kFloat},
    {"BF16", 16, DtypeClass::kFloat},
    {"I32", 32, DtypeClass::kInteger},
    {"U32", 32, DtypeClass::kInteger},
    {"F32", 32, DtypeClass::kFloat},
    {"C64", 64, DtypeClass::kComplex},
    {"F64", 64, DtypeClass::kFloat},
    {"I64", 64, DtypeClass::kInteger},
    {"U64", 64, DtypeClass::kInteger},
}};

const DtypeRow& RowOf(Dtype dtype) { return kRows[static_cast<size_t>(dtype)]; }

}  // namespace

int DtypeBits(Dtype dtype) { return RowOf(dtype).bits; }

absl::string_view DtypeName(Dtype dtype) { return RowOf(dtype).name; }

DtypeClass ClassOf(Dtype dtype) { return RowOf(dtype).dtype_class; }

std::optional<Dtype> ParseDtype(absl::string_view name) {
  for (int i = 0; i < kNumDtypes; ++i) {
    if (kRows[i].name == name) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

}  // namespace lora
