// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_KERNEL_CONTEXT_H_
#define LORA_SERVER_KERNELS_KERNEL_CONTEXT_H_

#include <cstddef>
#include <memory>

#include "server/kernels/cpu/select.h"
#include "server/kernels/thread_pool.h"

namespace lora {

// What a kernel runs on: the threads and the scratch memory of one engine.
// Not thread-safe: engine thread only.
class KernelContext {
 public:
  explicit KernelContext(int num_threads,
                         const CpuKernels& kernels = BestCpuKernels())
      : pool_(num_threads), kernels_(kernels) {}

  ThreadPool& pool() { return pool_; }
  const CpuKernels& kernels() const { return kernels_; }

  // 64-byte aligned scratch of at least `bytes`, valid until the next call;
  // grows and never shrinks. Throws std::bad_alloc, which TorchGuard catches.
  void* Scratch(size_t bytes);

 private:
  struct FreeDeleter {
    void operator()(void* memory) const;
  };

  ThreadPool pool_;
  const CpuKernels& kernels_;
  std::unique_ptr<void, FreeDeleter> scratch_;
  size_t scratch_bytes_ = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_KERNEL_CONTEXT_H_
