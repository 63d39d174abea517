// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_FAILURE_LOG_H_
#define LORA_SERVER_ENGINE_FAILURE_LOG_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/engine/generation.h"

namespace lora {

// Passes a request's output on, and writes one line to the log if it ends
// without a result: event=request_failed, with its request_id.
//
// As thread-safe as the sink behind it. `clock` must outlive it.
class FailureLog final : public TokenSink {
 public:
  FailureLog(const GenerationRequest& request, const Clock* clock,
             std::shared_ptr<TokenSink> sink);

  void OnDelta(GenerationDelta delta) override {
    sink_->OnDelta(std::move(delta));
  }
  void OnFinish(absl::StatusOr<GenerationResult> result) override;

 private:
  const std::string request_id_;
  const std::string adapters_;
  const Clock* const clock_;
  const absl::Time begin_;
  const std::shared_ptr<TokenSink> sink_;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_FAILURE_LOG_H_
