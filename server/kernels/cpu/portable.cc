// SPDX-License-Identifier: Apache-2.0
// Order matters: the vocabulary, then what is written in it.
// clang-format off
#include "server/kernels/cpu/simd_portable.h"
#include "server/kernels/cpu/table.h"
// clang-format on

namespace lora {

const CpuKernels& PortableKernels() {
  static constexpr CpuKernels kTable =
      MakeCpuKernels<WidenedBf16Step>("portable");
  return kTable;
}

}  // namespace lora
