// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_CONVERT_TIME_H_
#define LORA_SERVER_RPC_CONVERT_TIME_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <grpc/support/time.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lora {

// `time` must be finite.
google::protobuf::Timestamp ToProto(absl::Time time);

// `duration` must be finite.
google::protobuf::Duration ToProto(absl::Duration duration);

// INVALID_ARGUMENT (PARAM): negative, or not a valid Duration.
absl::StatusOr<absl::Duration> FromProto(
    const google::protobuf::Duration& duration);

// A deadline as gRPC keeps it; "never" is infinite. (A std::chrono time, which
// grpc::ServerContext also has, overflows beyond the year 2262.)
absl::Time FromGrpc(gpr_timespec deadline);

}  // namespace lora

#endif  // LORA_SERVER_RPC_CONVERT_TIME_H_
