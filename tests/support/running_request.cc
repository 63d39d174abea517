// SPDX-License-Identifier: Apache-2.0
#include "tests/support/running_request.h"

#include <latch>
#include <utility>

namespace lora {

RunningRequest::RunningRequest(Client& client, v1::GenerateRequest request,
                               CallOptions options) {
  options.canceller = &canceller_;
  ended_ = std::async(std::launch::async,
                      [this, &client, options, request = std::move(request)] {
                        return Run(client, request, options);
                      });
}

RunningRequest::~RunningRequest() {
  Cancel();
  if (ended_.valid()) ended_.wait();
}

bool RunningRequest::WaitForNextMessage() {
  int64_t count = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    count = num_messages_;
  }
  return WaitForMessages(count + 1);
}

bool RunningRequest::WaitForMessages(int64_t count) {
  std::unique_lock<std::mutex> lock(mu_);
  changed_.wait(lock, [&] { return num_messages_ >= count || done_; });
  return num_messages_ >= count;
}

EndedRequest RunningRequest::Run(Client& client,
                                 const v1::GenerateRequest& request,
                                 const CallOptions& options) {
  EndedRequest ended;
  ended.status = client.Generate(
      request,
      [&](const v1::GenerateResponse& message) {
        ended.text += message.text();
        ended.last = message;
        const std::lock_guard<std::mutex> lock(mu_);
        ++num_messages_;
        changed_.notify_all();
        return StreamAction::kContinue;
      },
      options);
  const std::lock_guard<std::mutex> lock(mu_);
  done_ = true;
  changed_.notify_all();
  return ended;
}

std::vector<absl::StatusOr<v1::GenerateResponse>> GenerateAtOnce(
    Client& client, absl::Span<const v1::GenerateRequest> requests) {
  std::latch start(static_cast<std::ptrdiff_t>(requests.size()));
  std::vector<std::future<absl::StatusOr<v1::GenerateResponse>>> calls;
  calls.reserve(requests.size());
  for (const v1::GenerateRequest& request : requests) {
    calls.push_back(std::async(std::launch::async, [&client, &start, &request] {
      start.arrive_and_wait();
      return client.GenerateText(request);
    }));
  }
  std::vector<absl::StatusOr<v1::GenerateResponse>> answers;
  answers.reserve(calls.size());
  for (auto& call : calls) answers.push_back(call.get());
  return answers;
}

}  // namespace lora
