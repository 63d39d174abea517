// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_FLAGS_CONNECTION_FLAGS_H_
#define LORA_CLIENT_FLAGS_CONNECTION_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "client/client_options.h"

namespace lora {

// Which server a program talks to, and how. Programs share the names of the
// flags and the environment variables that stand in for them.
struct ConnectionFlags {
  std::string endpoint = "127.0.0.1:50051";
  std::string token_file;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_server_name;
};

// Adds the flags to `app`; `flags` must outlive the parsing.
void AddConnectionFlags(CLI::App& app, ConnectionFlags& flags);

// What to connect with; reads the token file.
//
// INVALID_ARGUMENT: the token file cannot be read or is empty.
absl::StatusOr<ClientOptions> ToClientOptions(const ConnectionFlags& flags);

}  // namespace lora

#endif  // LORA_CLIENT_FLAGS_CONNECTION_FLAGS_H_
