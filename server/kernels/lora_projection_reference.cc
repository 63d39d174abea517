// SPDX-License-Identifier: Apache-2.0
#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "server/kernels/lora_projection.h"

namespace lora {
namespace {

// x w^T in float32.
at::Tensor Multiply(const at::Tensor& x, const PackedWeight& weight) {
  if (x.is_cuda()) {
    // Tensor cores take the operands as they are and keep the float32 sums.
    return at::mm(x, weight.data().t(), at::kFloat);
  }
  return at::matmul(x.to(at::kFloat), weight.Unpack().to(at::kFloat).t());
}

void ProjectReference(const at::Tensor& x, const Projection& projection) {
  at::Tensor delta =
      at::zeros(projection.y.sizes(), x.options().dtype(at::kFloat));
  for (const LowRankTerm& term : projection.terms) {
    const at::Tensor rows = x.slice(0, term.row_begin, term.row_end);
    const at::Tensor h =
        (Multiply(rows, *term.a) * term.scale).to(x.scalar_type());
    delta.slice(0, term.row_begin, term.row_end).add_(Multiply(h, *term.b));
  }
  for (const WeightRun& run : projection.weights) {
    at::Tensor sum =
        Multiply(x.slice(0, run.row_begin, run.row_end), *run.weight);
    if (projection.bias.defined()) sum.add_(projection.bias);
    sum.add_(delta.slice(0, run.row_begin, run.row_end));
    projection.y.slice(0, run.row_begin, run.row_end).copy_(sum);
  }
}

}  // namespace

void LoraProjectionReference(const at::Tensor& x,
                             absl::Span<const Projection> projections) {
  for (const Projection& projection : projections) {
    ProjectReference(x, projection);
  }
}

}  // namespace lora
