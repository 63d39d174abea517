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
                        EndedRequest ended;
                        bool running = false;
                        ended.status = client.Generate(
                            request,
                            [&](const v1::GenerateResponse& message) {
                              if (!std::exchange(running, true))
                                running_.set_value(true);
                              ended.text += message.text();
                              ended.last = message;
                              return StreamAction::kContinue;
                            },
                            options);
                        if (!running) running_.set_value(false);
                        return ended;
                      });
}

RunningRequest::~RunningRequest() {
  Cancel();
  if (ended_.valid()) ended_.wait();
}

bool RunningRequest::WaitUntilRunning() { return running_.get_future().get(); }

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
