// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_CANCELLER_H_
#define LORA_CLIENT_CANCELLER_H_

#include <grpcpp/client_context.h>

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace lora {

// Ends one call from another thread; see CallOptions. Thread-safe.
class CallCanceller {
 public:
  // Ends the call with CANCELLED, now or as soon as it is made.
  void Cancel();

 private:
  friend class RetryingCall;

  // The attempt in flight, null between attempts. False: cancelled.
  bool Attach(grpc::ClientContext* context);
  // Waits between attempts. False: cancelled meanwhile.
  bool Sleep(absl::Duration duration);

  std::mutex mu_;
  std::condition_variable cancel_;
  bool cancelled_ = false;
  grpc::ClientContext* context_ = nullptr;
};

}  // namespace lora

#endif  // LORA_CLIENT_CANCELLER_H_
