// SPDX-License-Identifier: Apache-2.0
#include "server/engine/failure_log.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/base/log.h"

namespace lora {
namespace {

// Whether it tells of something wrong with this server, rather than with the
// request or the moment.
bool IsServersFault(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal ||
         code == absl::StatusCode::kUnknown ||
         code == absl::StatusCode::kDataLoss;
}

std::string Names(const std::vector<WeightedAdapterId>& adapters) {
  return absl::StrJoin(adapters, ",",
                       [](std::string* out, const WeightedAdapterId& adapter) {
                         absl::StrAppend(out, adapter.id.value());
                       });
}

}  // namespace

FailureLog::FailureLog(const GenerationRequest& request, const Clock* clock,
                       std::shared_ptr<TokenSink> sink)
    : request_id_(request.request_id),
      adapters_(Names(request.adapters)),
      clock_(clock),
      begin_(clock->Now()),
      sink_(std::move(sink)) {}

void FailureLog::OnFinish(absl::StatusOr<GenerationResult> result) {
  if (const absl::Status& status = result.status(); !status.ok()) {
    const auto log = IsServersFault(status.code()) ? LogError : LogInfo;
    log("request_failed",
        {{"request_id", request_id_},
         {"adapters", adapters_},
         {"code", absl::StatusCodeToString(status.code())},
         {"reason", ErrorReasonName(GetErrorReason(status))},
         {"seconds", absl::ToDoubleSeconds(clock_->Now() - begin_)},
         {"error", status.message()}});
  }
  sink_->OnFinish(std::move(result));
}

}  // namespace lora
