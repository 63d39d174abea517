// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CPU_TABLE_H_
#define LORA_SERVER_KERNELS_CPU_TABLE_H_

#include "server/kernels/cpu/gemm.h"
#include "server/kernels/cpu/rows.h"

// Included after one simd_*.h.

namespace lora {
namespace {

template <class Step>
constexpr ElementKernels MakeElementKernels() {
  using T = typename Step::Element;
  return {
      .element_size = sizeof(T),
      .gemm_wide = GemmWide<Step>,
      .gemm_narrow = GemmNarrow<Step>,
      .widen = WidenRow<T>,
      .round = RoundRow<T>,
      .finish_projection = FinishProjectionRow<T>,
      .add = AddRow<T>,
      .rms_norm = NormaliseRow<T>,
      .rope = RotateHead<T>,
      .silu_mul = SiluMulRow<T>,
  };
}

// The table of one instruction set, whose bfloat16 products are `Bf16Step`'s.
template <class Bf16Step>
constexpr CpuKernels MakeCpuKernels(const char* name) {
  return {
      .name = name,
      .f32 = MakeElementKernels<F32Step>(),
      .bf16 = MakeElementKernels<Bf16Step>(),
      .transpose = TransposeWords,
      .softmax = SoftmaxRow,
      .scale_add = ScaleAddRow,
  };
}

}  // namespace
}  // namespace lora

#endif  // LORA_SERVER_KERNELS_CPU_TABLE_H_
