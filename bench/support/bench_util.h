// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_SUPPORT_BENCH_UTIL_H_
#define LORA_BENCH_SUPPORT_BENCH_UTIL_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "server/kernels/kernel_context.h"

namespace lora {

// Absolute times on a shared machine drift by a factor of two, so every figure
// is a ratio to something measured beside it.

double Median(std::vector<double> values);

// Processor time that the calling thread spends in `body`. It is worker 0 of
// every pool: it computes its share and spins at the barriers. Unlike wall time
// it does not count what neighbours take while it is off the processor.
absl::Duration Elapsed(const std::function<void()>& body);

// Uniform numbers in [-0.05, 0.05), cheap to make.
at::Tensor Uniform(std::vector<int64_t> sizes, at::ScalarType dtype);

// Memory that no cache holds, read from end to end by all threads.
class ReadStream {
 public:
  ReadStream();

  // Bytes a second of one pass.
  double Measure(KernelContext& context) const;

 private:
  static constexpr int64_t kBytes = 256 << 20;
  at::Tensor memory_;
};

// FLOP/s of a multiplication whose operands sit in the first-level caches.
double PeakFlops(KernelContext& context, at::ScalarType dtype);

}  // namespace lora

#endif  // LORA_BENCH_SUPPORT_BENCH_UTIL_H_
