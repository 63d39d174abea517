// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_AUTH_H_
#define LORA_SERVER_RPC_AUTH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/rpc/listen_address.h"
#include "server/rpc/server_options.h"

namespace lora {

// The bearer token of a file: its content without surrounding white space.
//
// FAILED_PRECONDITION (AUTH): the file cannot be read, or holds no token, or
// one with characters that an HTTP header cannot carry.
absl::StatusOr<std::string> ReadToken(const std::string& path);

// Checks an `authorization` header ("Bearer TOKEN"; empty: there is none)
// against `token`, in a time that does not tell how much of it was right. With
// an empty `token` everybody may call.
//
// UNAUTHENTICATED (AUTH): no credentials, or wrong ones.
absl::Status CheckAuthorization(absl::string_view header,
                                absl::string_view token);

// Who can reach AdapterService can make the server read files and use memory:
// off loopback it must know its callers, by certificate or token.
//
// FAILED_PRECONDITION (AUTH): it would not, and `insecure` is not set.
absl::Status CheckExposure(const ListenAddress& address,
                           const RpcServerOptions& options);

}  // namespace lora

#endif  // LORA_SERVER_RPC_AUTH_H_
