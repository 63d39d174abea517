// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_ELEMENT_KERNELS_H_
#define LORA_SERVER_KERNELS_ELEMENT_KERNELS_H_

#include <ATen/core/Tensor.h>

#include "server/kernels/check.h"
#include "server/kernels/kernel_context.h"

namespace lora {

// The loops of `context` for elements of `dtype`.
inline const ElementKernels& KernelsFor(const KernelContext& context,
                                        at::ScalarType dtype) {
  LORA_CHECK(dtype == at::kFloat || dtype == at::kBFloat16,
             "kernels compute in float32 or bfloat16");
  return dtype == at::kFloat ? context.kernels().f32 : context.kernels().bf16;
}

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_ELEMENT_KERNELS_H_
