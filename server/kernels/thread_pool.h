// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_THREAD_POOL_H_
#define LORA_SERVER_KERNELS_THREAD_POOL_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace lora {

// Runs one task on a fixed set of threads, with a fork-join that costs well
// under a microsecond: workers spin for a short while, then sleep on a futex.
//
// The calling thread is worker 0, so a pool of one has no threads of its own.
// Not thread-safe: one thread calls Run. Barrier is for tasks.
class ThreadPool {
 public:
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  // Calls task(worker) once for each worker in [0, size()) and returns when
  // all calls have returned. Tasks must not throw and must not call Run.
  void Run(absl::FunctionRef<void(int worker)> task);

  // Called by every worker of a running task: returns when all have called.
  void Barrier();

 private:
  void WorkerLoop(int worker);

  std::vector<std::thread> threads_;
  const absl::FunctionRef<void(int)>* task_ = nullptr;
  std::atomic<uint32_t> epoch_{0};       // Counts Run calls.
  std::atomic<int> running_{0};          // Workers still in the task.
  std::atomic<int> barrier_arrived_{0};  // Workers waiting in Barrier.
  std::atomic<uint32_t> barrier_epoch_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_THREAD_POOL_H_
