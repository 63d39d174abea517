// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_WORK_SHARE_H_
#define LORA_SERVER_KERNELS_WORK_SHARE_H_

#include <algorithm>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "server/kernels/kernel_context.h"

namespace lora {

// A half-open range of rows, columns, panels or items.
struct Range {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t size() const { return end > begin ? end - begin : 0; }
  bool empty() const { return end <= begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

inline Range Intersect(Range a, Range b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

// Worker `worker`'s contiguous part of [0, n).
inline Range ShareOf(int64_t n, int worker, int workers) {
  return {n * worker / workers, n * (worker + 1) / workers};
}

// Threads that are worth their fork and join for an operation of so many
// multiplications.
inline int WorkersFor(KernelContext& context, int64_t multiplications) {
  constexpr int64_t kWorthSharing = 1 << 17;
  return multiplications < kWorthSharing ? 1 : context.pool().size();
}

// Calls task(worker) once for each worker in [0, workers), where `workers` is
// WorkersFor's.
inline void RunWorkers(KernelContext& context, int workers,
                       absl::FunctionRef<void(int worker)> task) {
  if (workers == 1) return task(0);
  context.pool().Run(task);
}

// Calls body on disjoint ranges that cover [0, rows). A row of `width` elements
// costs about eight multiplications each.
inline void ForEachRowRange(KernelContext& context, int64_t rows, int64_t width,
                            absl::FunctionRef<void(Range)> body) {
  const int workers = WorkersFor(context, 8 * rows * width);
  RunWorkers(context, workers,
             [&](int worker) { body(ShareOf(rows, worker, workers)); });
}

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_WORK_SHARE_H_
