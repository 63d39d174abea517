// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_TLS_H_
#define LORA_SERVER_RPC_TLS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "absl/status/statusor.h"
#include "server/rpc/server_options.h"

namespace lora {

// How the server proves who it is: plain text without files, TLS with `cert`
// and `key`, and with `client_ca` a certificate is demanded of every client.
//
// INVALID_ARGUMENT (PARAM): only some of the files that belong together are
// named. FAILED_PRECONDITION (AUTH): a file cannot be read, is not PEM, or the
// key is not the certificate's.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> BuildServerCredentials(
    const TlsFiles& files);

}  // namespace lora

#endif  // LORA_SERVER_RPC_TLS_H_
