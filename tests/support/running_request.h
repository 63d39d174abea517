// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_RUNNING_REQUEST_H_
#define LORA_TESTS_SUPPORT_RUNNING_REQUEST_H_

#include <condition_variable>
#include <cstdint>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/canceller.h"
#include "client/client.h"

namespace lora {

// How a streamed request ended.
struct EndedRequest {
  absl::Status status;
  std::string text;
  v1::GenerateResponse last;
};

// A streamed request that runs while the test does other things; cancelled
// when the object is destroyed.
class RunningRequest {
 public:
  // Begins it; `client` must outlive the object.
  RunningRequest(Client& client, v1::GenerateRequest request,
                 CallOptions options = {});
  ~RunningRequest();
  RunningRequest(const RunningRequest&) = delete;
  RunningRequest& operator=(const RunningRequest&) = delete;

  // Waits for its first message. False: it ended without one.
  bool WaitUntilRunning() { return WaitForMessages(1); }
  // Waits for one more message than there have been. False: it has ended.
  bool WaitForNextMessage();
  void Cancel() { canceller_.Cancel(); }
  // Waits for its end; at most once.
  EndedRequest Wait() { return ended_.get(); }

 private:
  EndedRequest Run(Client& client, const v1::GenerateRequest& request,
                   const CallOptions& options);
  bool WaitForMessages(int64_t count);

  CallCanceller canceller_;
  std::mutex mu_;
  std::condition_variable changed_;
  int64_t num_messages_ = 0;
  bool done_ = false;
  std::future<EndedRequest> ended_;
};

// Makes all calls at the same time; answers in the order of `requests`.
std::vector<absl::StatusOr<v1::GenerateResponse>> GenerateAtOnce(
    Client& client, absl::Span<const v1::GenerateRequest> requests);

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_RUNNING_REQUEST_H_
