// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/thread_pool.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lora {
namespace {

// About 50 microseconds: longer than the gap between two operations of a step,
// shorter than anyone notices when the engine goes idle.
constexpr int kSpins = 2000;

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Returns once `value` differs from `old`: spins, then sleeps.
template <class T>
void AwaitChange(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    Pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int num_threads) {
  threads_.reserve(num_threads > 1 ? num_threads - 1 : 0);
  for (int worker = 1; worker < num_threads; ++worker) {
    threads_.emplace_back([this, worker] { WorkerLoop(worker); });
  }
}

ThreadPool::~ThreadPool() {
  stopping_.store(true, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Run(absl::FunctionRef<void(int worker)> task) {
  if (threads_.empty()) return task(0);
  task_ = &task;
  running_.store(size() - 1, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  task(0);
  for (int left = running_.load(std::memory_order_acquire); left > 0;
       left = running_.load(std::memory_order_acquire)) {
    AwaitChange(running_, left);
  }
}

void ThreadPool::Barrier() {
  if (threads_.empty()) return;
  const uint32_t epoch = barrier_epoch_.load(std::memory_order_acquire);
  if (barrier_arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < size()) {
    AwaitChange(barrier_epoch_, epoch);
    return;
  }
  barrier_arrived_.store(0, std::memory_order_relaxed);
  barrier_epoch_.fetch_add(1, std::memory_order_release);
  barrier_epoch_.notify_all();
}

void ThreadPool::WorkerLoop(int worker) {
  for (uint32_t epoch = 0;; ++epoch) {
    AwaitChange(epoch_, epoch);
    if (stopping_.load(std::memory_order_relaxed)) return;
    (*task_)(worker);
    running_.fetch_sub(1, std::memory_order_release);
    running_.notify_one();
  }
}

}  // namespace lora
