// SPDX-License-Identifier: Apache-2.0
// Order matters: the vocabulary, then what is written in it.
// clang-format off
#include "server/kernels/cpu/simd_avx512.h"
#include "server/kernels/cpu/table.h"
// clang-format on

namespace lora {

const CpuKernels& Avx512Kernels() {
  static constexpr CpuKernels kTable =
      MakeCpuKernels<WidenedBf16Step>("avx512");
  return kTable;
}

}  // namespace lora
