// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/elementwise.h"

#include "server/kernels/check.h"
#include "server/kernels/elementwise_cpu.h"

namespace lora {
namespace {

void CheckNorm(const at::Tensor& x, const at::Tensor& weight,
               const at::Tensor& out) {
  LORA_CHECK(x.dim() == 2, "x is [rows, width]");
  LORA_CHECK_SHAPE(x, {x.size(0), x.size(1)});
  LORA_CHECK_SHAPE(weight, {x.size(1)});
  LORA_CHECK_SHAPE(out, {x.size(0), x.size(1)});
  LORA_CHECK(weight.scalar_type() == x.scalar_type() &&
                 out.scalar_type() == x.scalar_type(),
             "x, weight and out have one dtype");
}

}  // namespace

void GatherRows(KernelContext& context, const at::Tensor& table,
                absl::Span<const int32_t> ids, at::Tensor& out) {
  LORA_CHECK(table.dim() == 2, "table is [vocab, width]");
  LORA_CHECK_SHAPE(table, {table.size(0), table.size(1)});
  LORA_CHECK_SHAPE(out, {static_cast<int64_t>(ids.size()), table.size(1)});
  LORA_CHECK(out.scalar_type() == table.scalar_type(),
             "table and out have one dtype");
  for (const int32_t id : ids) {
    LORA_CHECK(id >= 0 && id < table.size(0), "ids are rows of the table");
  }
  if (out.is_cuda()) return GatherRowsReference(table, ids, out);
  GatherRowsCpu(context, table, ids, out);
}

void RmsNorm(KernelContext& context, const at::Tensor& x,
             const NormParams& norm, at::Tensor& out) {
  CheckNorm(x, norm.weight, out);
  if (x.is_cuda()) return RmsNormReference(x, norm, out);
  RmsNormCpu(context, x, norm, out);
}

void AddRmsNorm(KernelContext& context, at::Tensor& residual,
                const at::Tensor& delta, const NormParams& norm,
                at::Tensor& out) {
  CheckNorm(residual, norm.weight, out);
  LORA_CHECK_SHAPE(delta, {residual.size(0), residual.size(1)});
  LORA_CHECK(delta.scalar_type() == residual.scalar_type(),
             "residual and delta have one dtype");
  if (residual.is_cuda()) {
    residual.add_(delta);
    return RmsNormReference(residual, norm, out);
  }
  AddCpu(context, residual, delta);
  RmsNormCpu(context, residual, norm, out);
}

void ApplyRope(KernelContext& context, const at::Tensor& cos,
               const at::Tensor& sin, int64_t head_dim, at::Tensor& x) {
  LORA_CHECK(head_dim > 0 && head_dim % 2 == 0, "a head is made of pairs");
  LORA_CHECK(x.dim() == 2 && x.size(1) % head_dim == 0,
             "x is [rows, num_heads * head_dim]");
  LORA_CHECK_SHAPE(x, {x.size(0), x.size(1)});
  LORA_CHECK_SHAPE(cos, {x.size(0), head_dim / 2});
  LORA_CHECK_SHAPE(sin, {x.size(0), head_dim / 2});
  LORA_CHECK(cos.scalar_type() == at::kFloat && sin.scalar_type() == at::kFloat,
             "cos and sin are float32");
  if (x.is_cuda()) return ApplyRopeReference(cos, sin, head_dim, x);
  ApplyRopeCpu(context, cos, sin, head_dim, x);
}

void SiluMul(KernelContext& context, const at::Tensor& gate,
             const at::Tensor& up, at::Tensor& out) {
  LORA_CHECK(gate.dim() == 2, "gate is [rows, width]");
  LORA_CHECK_SHAPE(gate, {gate.size(0), gate.size(1)});
  LORA_CHECK_SHAPE(up, {gate.size(0), gate.size(1)});
  LORA_CHECK_SHAPE(out, {gate.size(0), gate.size(1)});
  LORA_CHECK(up.scalar_type() == gate.scalar_type() &&
                 out.scalar_type() == gate.scalar_type(),
             "gate, up and out have one dtype");
  if (gate.is_cuda()) return SiluMulReference(gate, up, out);
  SiluMulCpu(context, gate, up, out);
}

}  // namespace lora
