// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_LOAD_PROGRESS_H_
#define LORA_SERVER_ADAPTER_LOAD_PROGRESS_H_

#include <atomic>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace lora {

// One load as its loader sees it: whether to stop, and whom to tell how far it
// is. Thread-safe, but Report: the loading thread only.
class LoadProgress {
 public:
  // Hears fractions in [0, 1], on the loading thread.
  using Listener = absl::AnyInvocable<void(double fraction)>;

  LoadProgress() = default;
  explicit LoadProgress(Listener listener) : listener_(std::move(listener)) {}

  void Cancel() { cancelled_.store(true); }
  bool cancelled() const { return cancelled_.load(); }
  void Report(double fraction) {
    if (listener_) listener_(fraction);
  }

 private:
  std::atomic<bool> cancelled_{false};
  Listener listener_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_LOAD_PROGRESS_H_
