// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_STATUS_H_
#define LORA_CLIENT_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace lora {

// What a call ended with. The server's google.rpc.ErrorInfo becomes a payload;
// see ReasonOf.
absl::Status FromGrpcStatus(const grpc::Status& status);

// The reason that the server gave, "MODULE_NOT_FOUND": docs/errors.md lists
// them. Empty if `status` is OK or does not come from the server.
std::string ReasonOf(const absl::Status& status);

// Whether no server answered at all: nobody listens, or not with these
// credentials.
bool IsUnreachable(const absl::Status& status);

}  // namespace lora

#endif  // LORA_CLIENT_STATUS_H_
