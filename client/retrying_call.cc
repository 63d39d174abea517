// SPDX-License-Identifier: Apache-2.0
#include "client/retrying_call.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/status.h"

namespace lora {
namespace {

double Jitter() {
  thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

}  // namespace

RetryingCall::RetryingCall(grpc::Channel& channel, const ClientOptions& client,
                           const CallOptions& options)
    : channel_(channel),
      client_(client),
      deadline_(absl::Now() + options.timeout),
      canceller_(options.canceller != nullptr ? *options.canceller : never_) {}

absl::Status RetryingCall::Run(Attempt attempt) {
  for (int num_attempts = 1;; ++num_attempts) {
    Progress progress = Progress::kNone;
    absl::Status status = RunOnce(attempt, progress);
    if (!absl::IsUnavailable(status) || progress == Progress::kData ||
        num_attempts >= client_.retry.max_attempts) {
      return status;
    }
    const absl::Duration backoff =
        BackoffAfter(client_.retry, num_attempts, Jitter());
    if (absl::Now() + backoff >= deadline_) return status;
    if (!canceller_.Sleep(backoff)) {
      return absl::CancelledError("cancelled between two attempts");
    }
  }
}

absl::Status RetryingCall::RunOnce(Attempt attempt, Progress& progress) {
  grpc::ClientContext context;
  if (deadline_ != absl::InfiniteFuture()) {
    context.set_deadline(absl::ToChronoTime(deadline_));
  }
  if (!client_.token.empty()) {
    context.AddMetadata("authorization",
                        absl::StrCat("Bearer ", client_.token));
  }
  if (!canceller_.Attach(&context)) {
    canceller_.Attach(nullptr);
    return absl::CancelledError("cancelled before the call was made");
  }
  Outcome outcome = attempt(context);
  canceller_.Attach(nullptr);
  progress = outcome.progress;
  return Explain(FromGrpcStatus(outcome.status));
}

absl::Status RetryingCall::Explain(absl::Status status) const {
  if (!absl::IsDeadlineExceeded(status) || !ReasonOf(status).empty() ||
      channel_.GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY) {
    return status;
  }
  return absl::UnavailableError(
      absl::StrCat("no answer from ", client_.endpoint,
                   " before the deadline: is this the server's address, and "
                   "does it expect TLS?"));
}

}  // namespace lora
