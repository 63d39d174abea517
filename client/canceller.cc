// SPDX-License-Identifier: Apache-2.0
#include "client/canceller.h"

namespace lora {

void CallCanceller::Cancel() {
  const std::lock_guard<std::mutex> lock(mu_);
  cancelled_ = true;
  if (context_ != nullptr) context_->TryCancel();
  cancel_.notify_all();
}

bool CallCanceller::Attach(grpc::ClientContext* context) {
  const std::lock_guard<std::mutex> lock(mu_);
  context_ = context;
  return !cancelled_;
}

bool CallCanceller::Sleep(absl::Duration duration) {
  std::unique_lock<std::mutex> lock(mu_);
  return !cancel_.wait_for(lock, absl::ToChronoNanoseconds(duration),
                           [this] { return cancelled_; });
}

}  // namespace lora
