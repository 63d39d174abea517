// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_CALLBACK_RESULT_H_
#define LORA_TESTS_SUPPORT_CALLBACK_RESULT_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"
#include "server/base/mutex.h"

namespace lora {

// What a callback that must come exactly once was called with. Thread-safe.
//
//   CallbackResult<absl::Status> loaded;
//   store.EnsureResident(keys, loaded.Callback());
//   EXPECT_OK(loaded.Await());
template <typename T>
class CallbackResult {
 public:
  auto Callback() {
    return [state = state_](T value) {
      MutexLock lock(state->mu);
      EXPECT_FALSE(state->value.has_value()) << "called twice";
      state->value = std::move(value);
      state->called.NotifyAll();
    };
  }

  // Waits for the call; the value stays here.
  const T& Await() {
    MutexLock lock(state_->mu);
    while (!state_->value.has_value()) state_->called.Wait(state_->mu);
    return *state_->value;
  }
  // As Await, and moves the value out.
  T Take() {
    Await();
    MutexLock lock(state_->mu);
    return std::move(*state_->value);
  }
  bool called() const {
    MutexLock lock(state_->mu);
    return state_->value.has_value();
  }

 private:
  struct State {
    Mutex mu;
    CondVar called;
    std::optional<T> value ABSL_GUARDED_BY(mu);
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_CALLBACK_RESULT_H_
