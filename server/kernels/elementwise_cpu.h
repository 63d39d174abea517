// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_ELEMENTWISE_CPU_H_
#define LORA_SERVER_KERNELS_ELEMENTWISE_CPU_H_

#include <ATen/core/Tensor.h>

#include "absl/types/span.h"
#include "server/kernels/elementwise.h"
#include "server/kernels/kernel_context.h"

// The CPU side of elementwise.h, for checked arguments.

namespace lora {

void GatherRowsCpu(KernelContext& context, const at::Tensor& table,
                   absl::Span<const int32_t> ids, at::Tensor& out);
void RmsNormCpu(KernelContext& context, const at::Tensor& x,
                const NormParams& norm, at::Tensor& out);
void AddCpu(KernelContext& context, at::Tensor& x, const at::Tensor& delta);
void ApplyRopeCpu(KernelContext& context, const at::Tensor& cos,
                  const at::Tensor& sin, int64_t head_dim, at::Tensor& x);
void SiluMulCpu(KernelContext& context, const at::Tensor& gate,
                const at::Tensor& up, at::Tensor& out);

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_ELEMENTWISE_CPU_H_
