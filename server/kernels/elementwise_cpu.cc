// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/elementwise_cpu.h"

#include <cstring>

#include "server/kernels/element_kernels.h"
#include "server/kernels/work_share.h"

namespace lora {
namespace {

const char* Data(const at::Tensor& tensor) {
  return static_cast<const char*>(tensor.const_data_ptr());
}

char* MutableData(at::Tensor& tensor) {
  return static_cast<char*>(tensor.mutable_data_ptr());
}

}  // namespace

void GatherRowsCpu(KernelContext& context, const at::Tensor& table,
                   absl::Span<const int32_t> ids, at::Tensor& out) {
  const int64_t row_bytes = table.size(1) * table.element_size();
  const char* from = Data(table);
  char* to = MutableData(out);
  ForEachRowRange(context, out.size(0), out.size(1), [&](Range rows) {
    for (int64_t t = rows.begin; t < rows.end; ++t) {
      std::memcpy(to + t * row_bytes, from + ids[t] * row_bytes, row_bytes);
    }
  });
}

void RmsNormCpu(KernelContext& context, const at::Tensor& x,
                const NormParams& norm, at::Tensor& out) {
  const ElementKernels& kernels = KernelsFor(context, x.scalar_type());
  const int64_t width = x.size(1);
  const int64_t row_bytes = width * kernels.element_size;
  const char* from = Data(x);
  char* to = MutableData(out);
  const void* gain = Data(norm.weight);
  ForEachRowRange(context, x.size(0), width, [&](Range rows) {
    for (int64_t t = rows.begin; t < rows.end; ++t) {
      kernels.rms_norm({.x = from + t * row_bytes,
                        .weight = gain,
                        .width = width,
                        .eps = static_cast<float>(norm.eps),
                        .out = to + t * row_bytes});
    }
  });
}

void AddCpu(KernelContext& context, at::Tensor& x, const at::Tensor& delta) {
  const ElementKernels& kernels = KernelsFor(context, x.scalar_type());
  const int64_t width = x.size(1);
  const int64_t row_bytes = width * kernels.element_size;
  const char* from = Data(delta);
  char* to = MutableData(x);
  ForEachRowRange(context, x.size(0), width, [&](Range rows) {
    kernels.add(to + rows.begin * row_bytes, from + rows.begin * row_bytes,
                rows.size() * width);
  });
}

void ApplyRopeCpu(KernelContext& context, const at::Tensor& cos,
                  const at::Tensor& sin, int64_t head_dim, at::Tensor& x) {
  const ElementKernels& kernels = KernelsFor(context, x.scalar_type());
  const int64_t half = head_dim / 2;
  const int64_t heads = x.size(1) / head_dim;
  const int64_t head_bytes = head_dim * kernels.element_size;
  const float* cosines = cos.const_data_ptr<float>();
  const float* sines = sin.const_data_ptr<float>();
  char* to = MutableData(x);
  ForEachRowRange(context, x.size(0), x.size(1), [&](Range rows) {
    for (int64_t t = rows.begin; t < rows.end; ++t) {
      for (int64_t h = 0; h < heads; ++h) {
        kernels.rope({.cos = cosines + t * half,
                      .sin = sines + t * half,
                      .half = half,
                      .x = to + (t * heads + h) * head_bytes});
      }
    }
  });
}

void SiluMulCpu(KernelContext& context, const at::Tensor& gate,
                const at::Tensor& up, at::Tensor& out) {
  const ElementKernels& kernels = KernelsFor(context, gate.scalar_type());
  const int64_t width = gate.size(1);
  const int64_t row_bytes = width * kernels.element_size;
  const char* g = Data(gate);
  const char* u = Data(up);
  char* to = MutableData(out);
  ForEachRowRange(context, gate.size(0), width, [&](Range rows) {
    const int64_t first = rows.begin * row_bytes;
    kernels.silu_mul(g + first, u + first, rows.size() * width, to + first);
  });
}

}  // namespace lora
