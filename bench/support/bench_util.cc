// SPDX-License-Identifier: Apache-2.0
#include "bench/support/bench_util.h"

#include <ATen/ops/empty.h>
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "server/kernels/element_kernels.h"
#include "server/kernels/work_share.h"

namespace lora {

double Median(std::vector<double> values) {
  const auto middle = values.begin() + values.size() / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

absl::Duration Elapsed(const std::function<void()>& body) {
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return absl::DurationFromTimespec(time);
  };
  const absl::Duration begin = now();
  body();
  return now() - begin;
}

at::Tensor Uniform(std::vector<int64_t> sizes, at::ScalarType dtype) {
  at::Tensor tensor = at::empty(sizes, at::dtype(at::kFloat));
  float* data = tensor.mutable_data_ptr<float>();
  uint32_t state = 1;
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    state = state * 1664525u + 1013904223u;
    data[i] = static_cast<float>(state >> 8) * 0x1p-24f * 0.1f - 0.05f;
  }
  return tensor.to(dtype);
}

ReadStream::ReadStream() : memory_(at::empty({kBytes}, at::dtype(at::kByte))) {
  memory_.fill_(1);
}

double ReadStream::Measure(KernelContext& context) const {
  const auto* words = static_cast<const uint64_t*>(memory_.const_data_ptr());
  const int workers = context.pool().size();
  const absl::Duration time = Elapsed([&] {
    context.pool().Run([&](int worker) {
      constexpr int kLanes = 8;
      const Range mine = ShareOf(kBytes / 8 / kLanes, worker, workers);
      uint64_t sums[kLanes] = {};
      for (int64_t i = mine.begin; i < mine.end; ++i) {
        for (int j = 0; j < kLanes; ++j) sums[j] ^= words[i * kLanes + j];
      }
      benchmark::DoNotOptimize(sums);
    });
  });
  return kBytes / absl::ToDoubleSeconds(time);
}

double PeakFlops(KernelContext& context, at::ScalarType dtype) {
  constexpr int64_t kRows = 6;
  constexpr int64_t kDepth = 64;
  constexpr int kRepeats = 20000;
  const ElementKernels& kernels = KernelsFor(context, dtype);
  const at::Tensor x = Uniform({kRows, kDepth}, dtype);
  const at::Tensor w = Uniform({kDepth, kWidePanel}, dtype);
  const absl::Duration time = Elapsed([&] {
    context.pool().Run([&](int) {
      alignas(64) float sums[kRows * kWidePanel];
      for (int i = 0; i < kRepeats; ++i) {
        kernels.gemm_wide({.x = x.const_data_ptr(),
                           .x_stride = kDepth,
                           .rows = kRows,
                           .depth = kDepth,
                           .w = w.const_data_ptr(),
                           .out = sums,
                           .out_stride = kWidePanel});
        benchmark::DoNotOptimize(sums);
      }
    });
  });
  return 2.0 * kRows * kDepth * kWidePanel * kRepeats * context.pool().size() /
         absl::ToDoubleSeconds(time);
}

}  // namespace lora
