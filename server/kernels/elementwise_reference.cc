// SPDX-License-Identifier: Apache-2.0
#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>

#include <vector>

#include "server/kernels/elementwise.h"

namespace lora {

void GatherRowsReference(const at::Tensor& table, absl::Span<const int32_t> ids,
                         at::Tensor& out) {
  const at::Tensor index =
      at::tensor(at::ArrayRef<int32_t>(ids.data(), ids.size()), at::kInt)
          .to(table.device());
  out.copy_(at::index_select(table, 0, index));
}

void RmsNormReference(const at::Tensor& x, const NormParams& norm,
                      at::Tensor& out) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor mean = wide.square().mean(-1, /*keepdim=*/true);
  const at::Tensor normal =
      (wide * at::rsqrt(mean + norm.eps)).to(x.scalar_type());
  out.copy_(normal.to(at::kFloat) * norm.weight.to(at::kFloat));
}

void ApplyRopeReference(const at::Tensor& cos, const at::Tensor& sin,
                        int64_t head_dim, at::Tensor& x) {
  at::Tensor heads = x.view({x.size(0), x.size(1) / head_dim, 2, head_dim / 2});
  const at::Tensor first = heads.select(2, 0).to(at::kFloat);
  const at::Tensor second = heads.select(2, 1).to(at::kFloat);
  const at::Tensor c = cos.unsqueeze(1);
  const at::Tensor s = sin.unsqueeze(1);
  // Both before the first copy: they may be views of x.
  const at::Tensor rotated_first = first * c - second * s;
  const at::Tensor rotated_second = second * c + first * s;
  heads.select(2, 0).copy_(rotated_first);
  heads.select(2, 1).copy_(rotated_second);
}

void SiluMulReference(const at::Tensor& gate, const at::Tensor& up,
                      at::Tensor& out) {
  out.copy_(at::silu(gate.to(at::kFloat)) * up.to(at::kFloat));
}

}  // namespace lora
