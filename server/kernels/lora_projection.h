// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_LORA_PROJECTION_H_
#define LORA_SERVER_KERNELS_LORA_PROJECTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/types/span.h"
#include "server/kernels/kernel_context.h"
#include "server/kernels/packed_weight.h"

namespace lora {

// Rows [row_begin, row_end) are multiplied by `weight` [out, in].
struct WeightRun {
  int64_t row_begin = 0;
  int64_t row_end = 0;
  const PackedWeight* weight = nullptr;
};

// Rows [row_begin, row_end) gain scale * (x A^T) B^T.
struct LowRankTerm {
  int64_t row_begin = 0;
  int64_t row_end = 0;
  const PackedWeight* a = nullptr;  // [rank, in], "shrink".
  const PackedWeight* b = nullptr;  // [out, rank], "expand".
  float scale = 1.0f;
};

// One projection of the input that a group shares.
struct Projection {
  // Cover every row once, in order.
  absl::Span<const WeightRun> weights;
  // Float32 [out], or undefined.
  at::Tensor bias;
  // In the order in which they are summed. Rows without a term cost nothing.
  absl::Span<const LowRankTerm> terms;
  // [rows, out]; x's dtype or float32. Written.
  at::Tensor y;
};

// Computes several projections of one input in one parallel region.
//
//   y[t,o] = round( (sum_k x[t,k] W_t[o,k] + bias[o])
//                   + sum_{terms over t} scale * sum_r h[t,r] B[o,r] ),
//   h[t,r] = sum_k x[t,k] A[r,k]
//
// x: [rows, in], contiguous, kFloat or kBFloat16; W, A, B of the same dtype.
// In bfloat16, scale * h is rounded once before it meets B, as x is before A.
// Sums are float32; the terms are summed apart and added once, before the one
// rounding to y's dtype (Hu et al. 2021, arXiv:2106.09685, section 4.1; the
// segmented form is Chen et al. 2023, arXiv:2310.18547, section 4).
//
// Invariants (CPU): a row's result depends on nothing but that row, its weight
// and its terms: not on the number of rows, other rows, or threads. A term with
// B = 0 leaves the base result bit for bit.
void LoraProjection(KernelContext& context, const at::Tensor& x,
                    absl::Span<const Projection> projections);

// The same, spelled with ATen on any device: the oracle of the tests, and what
// runs on CUDA.
void LoraProjectionReference(const at::Tensor& x,
                             absl::Span<const Projection> projections);

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_LORA_PROJECTION_H_
