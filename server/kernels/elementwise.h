// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_ELEMENTWISE_H_
#define LORA_SERVER_KERNELS_ELEMENTWISE_H_

#include <ATen/core/Tensor.h>

#include "absl/types/span.h"
#include "server/kernels/kernel_context.h"

// The row-wise operations between projections. Tensors are contiguous, kFloat
// or kBFloat16, all of one dtype unless said; arithmetic is float32. Every
// result row depends on its own input row alone. Each runs its ATen spelling
// (…Reference) for CUDA tensors.

namespace lora {

// out[t] = table[ids[t]].  table: [vocab, width]. ids: [rows]. out:
// [rows, width].
void GatherRows(KernelContext& context, const at::Tensor& table,
                absl::Span<const int32_t> ids, at::Tensor& out);

struct NormParams {
  at::Tensor weight;  // [width]
  double eps = 0.0;
};

// out[t,i] = round(x[t,i] * rsqrt(mean_i(x[t]^2) + eps)) * weight[i].
// x, out: [rows, width], where out may be x. Also normalises each head of a
// [rows * heads, head_dim] view (Qwen3).
// Zhang & Sennrich 2019, arXiv:1910.07467.
void RmsNorm(KernelContext& context, const at::Tensor& x,
             const NormParams& norm, at::Tensor& out);

// residual += delta, then out = RmsNorm(residual). All [rows, width].
void AddRmsNorm(KernelContext& context, at::Tensor& residual,
                const at::Tensor& delta, const NormParams& norm,
                at::Tensor& out);

// Rotates the pairs (j, j + head_dim/2) of each head in place:
//   x'[j] = x[j] cos - x[j+d/2] sin,   x'[j+d/2] = x[j+d/2] cos + x[j] sin
// x: [rows, num_heads * head_dim]. cos, sin: float32 [rows, head_dim/2].
// Su et al. 2021, arXiv:2104.09864.
void ApplyRope(KernelContext& context, const at::Tensor& cos,
               const at::Tensor& sin, int64_t head_dim, at::Tensor& x);

// out = silu(gate) * up, silu(v) = v / (1 + exp(-v)). All [rows, width].
// Shazeer 2020, arXiv:2002.05202.
void SiluMul(KernelContext& context, const at::Tensor& gate,
             const at::Tensor& up, at::Tensor& out);

void GatherRowsReference(const at::Tensor& table, absl::Span<const int32_t> ids,
                         at::Tensor& out);
void RmsNormReference(const at::Tensor& x, const NormParams& norm,
                      at::Tensor& out);
void ApplyRopeReference(const at::Tensor& cos, const at::Tensor& sin,
                        int64_t head_dim, at::Tensor& x);
void SiluMulReference(const at::Tensor& gate, const at::Tensor& up,
                      at::Tensor& out);

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_ELEMENTWISE_H_
