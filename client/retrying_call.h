// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_RETRYING_CALL_H_
#define LORA_CLIENT_RETRYING_CALL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "client/canceller.h"
#include "client/client_options.h"

namespace lora {

// Makes one call of a client, again while that makes sense. Lives on the
// caller's stack.
class RetryingCall {
 public:
  // May a failed attempt be made again? Not once it has produced data.
  enum class Progress : uint8_t { kNone, kData };
  struct Outcome {
    grpc::Status status;
    Progress progress = Progress::kNone;
  };
  using Attempt = absl::FunctionRef<Outcome(grpc::ClientContext&)>;

  // `channel` and `client` must outlive the object.
  RetryingCall(grpc::Channel& channel, const ClientOptions& client,
               const CallOptions& options);

  // Makes attempts until one ends with another code than UNAVAILABLE, has
  // produced data, or the policy or the deadline says enough. Returns what the
  // last one ended with.
  absl::Status Run(Attempt attempt);

 private:
  absl::Status RunOnce(Attempt attempt, Progress& progress);
  // A deadline that passed before there was a connection: nobody answered.
  absl::Status Explain(absl::Status status) const;

  grpc::Channel& channel_;
  const ClientOptions& client_;
  const absl::Time deadline_;
  CallCanceller never_;
  CallCanceller& canceller_;
};

}  // namespace lora

#endif  // LORA_CLIENT_RETRYING_CALL_H_
