// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_TASK_POOL_H_
#define LORA_SERVER_BASE_TASK_POOL_H_

#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "server/base/mutex.h"

namespace lora {

// Pools whose tasks post to one another, and therefore can only be stopped
// together. Thread-safe. Outlives its pools.
class TaskGroup {
 public:
  // Returns when no task of the pools waits or runs.
  void AwaitIdle() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class TaskPool;
  void Add() ABSL_LOCKS_EXCLUDED(mu_);
  void Done(int64_t num_tasks) ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  CondVar idle_;
  int64_t num_tasks_ ABSL_GUARDED_BY(mu_) = 0;
};

// A few threads that run tasks in the order they were posted; with one thread,
// one after the other. No task is lost before Stop.
//
// Thread-safe. Outlives everything that posts to it.
class TaskPool {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  // `group` may be null.
  explicit TaskPool(int num_threads, TaskGroup* group = nullptr);
  ~TaskPool() { Stop(); }
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  // Runs `task` on one of the threads; after Stop, drops it. Does not block.
  void Post(Task task) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when all that was posted, also by tasks, has run and the threads
  // have ended. Called by one thread, not one of its own.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  TaskGroup* const group_;
  Mutex mu_;
  CondVar changed_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  int num_running_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;  // End when idle.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;   // The threads have ended.
  std::vector<std::thread> threads_;
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_TASK_POOL_H_
