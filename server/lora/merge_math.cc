// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merge_math.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstdint>
#include <vector>

#include "server/base/status_macros.h"
#include "server/kernels/kernel_context.h"
#include "server/kernels/lora_projection.h"
#include "server/kernels/torch_status.h"

namespace lora {
namespace {

constexpr int64_t kProbeRows = 4;

// Rows of values in [-1, 1), the same in every process.
at::Tensor ProbeInput(int64_t in_features) {
  at::Tensor x = at::empty({kProbeRows, in_features}, at::kFloat);
  auto* values = x.mutable_data_ptr<float>();
  uint32_t state = 1;
  for (int64_t i = 0; i < x.numel(); ++i) {
    state = state * 1'664'525U + 1'013'904'223U;
    values[i] = static_cast<float>(state >> 8) / (1 << 23) - 1.0f;
  }
  return x;
}

// x times `weight` plus `terms`, float32.
at::Tensor Project(KernelContext& context, const at::Tensor& x,
                   const PackedWeight& weight,
                   absl::Span<const LowRankTerm> terms) {
  const std::vector<WeightRun> runs = {{0, x.size(0), &weight}};
  Projection projection;
  projection.weights = runs;
  projection.terms = terms;
  projection.y = at::empty({x.size(0), weight.out_features()},
                           x.options().dtype(at::kFloat));
  LoraProjection(context, x, {&projection, 1});
  return projection.y;
}

}  // namespace

absl::StatusOr<PackedWeight> MergeMatrix(const PackedWeight& base,
                                         absl::Span<const MergeTerm> terms) {
  PackedWeight merged;
  LORA_RETURN_IF_ERROR(TorchGuard([&] {
    // A copy in any case: `to` alone gives a float32 tensor back as it is.
    at::Tensor matrix = base.Unpack().to(at::kFloat, /*non_blocking=*/false,
                                         /*copy=*/true);
    for (const MergeTerm& term : terms) {
      matrix.addmm_(term.module->b.Unpack().to(at::kFloat),
                    term.module->a.Unpack().to(at::kFloat), /*beta=*/1.0,
                    /*alpha=*/term.weight * term.module->scaling);
    }
    LORA_ASSIGN_OR_RETURN(
        merged, PackedWeight::Pack(matrix, base.dtype(), base.device()));
    return absl::OkStatus();
  }));
  return merged;
}

absl::StatusOr<double> RelativeDeviation(const PackedWeight& base,
                                         const PackedWeight& merged,
                                         absl::Span<const MergeTerm> terms) {
  double deviation = 0.0;
  LORA_RETURN_IF_ERROR(TorchGuard([&] {
    KernelContext context(/*num_threads=*/1);
    const at::Tensor x =
        ProbeInput(base.in_features()).to(base.device()).to(base.dtype());
    std::vector<LowRankTerm> low_rank;
    for (const MergeTerm& term : terms) {
      low_rank.push_back({0, kProbeRows, &term.module->a, &term.module->b,
                          term.weight * term.module->scaling});
    }
    const at::Tensor unmerged = Project(context, x, base, low_rank);
    const at::Tensor difference = Project(context, x, merged, {}).sub(unmerged);
    const double largest = unmerged.abs().max().item<double>();
    const double error = difference.abs().max().item<double>();
    deviation = error == 0.0 ? 0.0 : error / largest;
    return absl::OkStatus();
  }));
  return deviation;
}

}  // namespace lora
