// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_RECLAIMER_H_
#define LORA_SERVER_BASE_RECLAIMER_H_

#include <utility>

#include "server/base/task_pool.h"

namespace lora {

// One thread that destroys what others must not wait for: a step that drops the
// last pin of an adapter hands the memory over and goes on. Tasks run one after
// the other, in the order they were posted.
//
// Thread-safe. Outlives everything that posts to it; the destructor runs what
// is queued.
class Reclaimer {
 public:
  using Task = TaskPool::Task;

  // Runs `task` on the reclaimer's thread. Does not block.
  void Post(Task task) { thread_.Post(std::move(task)); }

  // Returns when every task posted before the call has run. Not for tasks.
  void Flush();

 private:
  TaskPool thread_{1};
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_RECLAIMER_H_
