// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_STATUS_CONVERTER_H_
#define LORA_SERVER_RPC_STATUS_CONVERTER_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace lora {

// The wire form of a failure: canonical code, message, and one
// google.rpc.ErrorInfo with the reason and metadata in the details. OK becomes
// an empty message.
//
// A message longer than 1 KiB loses its middle, metadata sooner: gRPC clients
// refuse more than 8 KiB of trailing metadata, where it travels twice, escaped.
// Bytes that are not UTF-8 (a file's name may hold any) become '?'.
google::rpc::Status ToProto(const absl::Status& status);

// The same as what a call ends with: the message above is the content of the
// `grpc-status-details-bin` trailer.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace lora

#endif  // LORA_SERVER_RPC_STATUS_CONVERTER_H_
