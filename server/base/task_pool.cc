// SPDX-License-Identifier: Apache-2.0
#include "server/base/task_pool.h"

#include <utility>

namespace lora {

void TaskGroup::AwaitIdle() {
  MutexLock lock(mu_);
  while (num_tasks_ > 0) idle_.Wait(mu_);
}

void TaskGroup::Add() {
  MutexLock lock(mu_);
  ++num_tasks_;
}

void TaskGroup::Done(int64_t num_tasks) {
  MutexLock lock(mu_);
  num_tasks_ -= num_tasks;
  if (num_tasks_ == 0) idle_.NotifyAll();
}

TaskPool::TaskPool(int num_threads, TaskGroup* group) : group_(group) {
  for (int i = 0; i < num_threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

void TaskPool::Post(Task task) {
  MutexLock lock(mu_);
  if (stopped_) return;
  if (group_ != nullptr) group_->Add();
  tasks_.push_back(std::move(task));
  changed_.NotifyOne();
}

void TaskPool::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  std::deque<Task> late;  // Posted while the last thread ended; dropped.
  MutexLock lock(mu_);
  stopped_ = true;
  late.swap(tasks_);
  if (group_ != nullptr) group_->Done(static_cast<int64_t>(late.size()));
}

void TaskPool::Run() {
  while (true) {
    Task task;
    {
      MutexLock lock(mu_);
      // A running task may still post: only an idle pool may end.
      while (tasks_.empty() && !(stopping_ && num_running_ == 0)) {
        changed_.Wait(mu_);
      }
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
      ++num_running_;
    }
    std::move(task)();
    task = nullptr;  // What the task owns dies before the next one runs.
    if (group_ != nullptr) group_->Done(1);
    MutexLock lock(mu_);
    if (--num_running_ == 0 && stopping_) changed_.NotifyAll();
  }
}

}  // namespace lora
