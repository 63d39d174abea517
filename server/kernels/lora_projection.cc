// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/lora_projection.h"

#include "server/kernels/check.h"
#include "server/kernels/lora_projection_cpu.h"

namespace lora {
namespace {

void CheckWeights(const at::Tensor& x, const Projection& projection) {
  const int64_t out = projection.y.size(1);
  int64_t row = 0;
  for (const WeightRun& run : projection.weights) {
    LORA_CHECK(run.row_begin == row && run.row_end > row,
               "weight runs cover every row once, in order");
    LORA_CHECK(run.weight != nullptr && run.weight->defined(),
               "a weight run has a weight");
    LORA_CHECK(run.weight->in_features() == x.size(1) &&
                   run.weight->out_features() == out,
               "a weight is [out, in] for x [rows, in] and y [rows, out]");
    LORA_CHECK(run.weight->dtype() == x.scalar_type() &&
                   run.weight->device() == x.device(),
               "weights have the dtype and device of x");
    row = run.row_end;
  }
  LORA_CHECK(row == x.size(0), "weight runs cover every row once, in order");
}

void CheckTerms(const at::Tensor& x, const Projection& projection) {
  for (const LowRankTerm& term : projection.terms) {
    LORA_CHECK(term.row_begin >= 0 && term.row_begin < term.row_end &&
                   term.row_end <= x.size(0),
               "a term covers rows of x");
    LORA_CHECK(term.a != nullptr && term.b != nullptr && term.a->defined() &&
                   term.b->defined(),
               "a term has an A and a B");
    LORA_CHECK(term.a->in_features() == x.size(1), "A is [rank, in]");
    LORA_CHECK(term.b->in_features() == term.a->out_features() &&
                   term.b->out_features() == projection.y.size(1),
               "B is [out, rank]");
    LORA_CHECK(term.a->dtype() == x.scalar_type() &&
                   term.b->dtype() == x.scalar_type() &&
                   term.a->device() == x.device() &&
                   term.b->device() == x.device(),
               "A and B have the dtype and device of x");
  }
}

void CheckProjection(const at::Tensor& x, const Projection& projection) {
  const at::Tensor& y = projection.y;
  LORA_CHECK(y.defined() && y.dim() == 2, "y is [rows, out]");
  LORA_CHECK_SHAPE(y, {x.size(0), y.size(1)});
  LORA_CHECK(
      y.scalar_type() == at::kFloat || y.scalar_type() == x.scalar_type(),
      "y has x's dtype or float32");
  if (projection.bias.defined()) {
    LORA_CHECK_SHAPE(projection.bias, {y.size(1)});
    LORA_CHECK(projection.bias.scalar_type() == at::kFloat, "bias is float32");
  }
  CheckWeights(x, projection);
  CheckTerms(x, projection);
}

}  // namespace

void LoraProjection(KernelContext& context, const at::Tensor& x,
                    absl::Span<const Projection> projections) {
  LORA_CHECK(x.dim() == 2, "x is [rows, in]");
  LORA_CHECK_SHAPE(x, {x.size(0), x.size(1)});
  for (const Projection& projection : projections) {
    CheckProjection(x, projection);
  }
  if (x.size(0) == 0) return;
  if (x.is_cuda()) return LoraProjectionReference(x, projections);
  LoraProjectionCpu(context, x, projections);
}

}  // namespace lora
