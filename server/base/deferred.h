// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_DEFERRED_H_
#define LORA_SERVER_BASE_DEFERRED_H_

#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace lora {

// What a function decides to do under a lock and does after it: callbacks of
// others must not run under ours. Declare it before the MutexLock.
//
//   Deferred deferred;
//   MutexLock lock(mu_);
//   deferred.Add([done = std::move(done)]() mutable { std::move(done)(); });
//
// The actions run in order when it is destroyed. Not thread-safe.
class Deferred {
 public:
  using Action = absl::AnyInvocable<void() &&>;

  Deferred() = default;
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  ~Deferred() {
    for (Action& action : actions_) std::move(action)();
  }

  void Add(Action action) { actions_.push_back(std::move(action)); }

 private:
  std::vector<Action> actions_;
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_DEFERRED_H_
