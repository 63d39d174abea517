// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_CLIENT_OPTIONS_H_
#define LORA_CLIENT_CLIENT_OPTIONS_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/retry.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace lora {

class CallCanceller;

// Files are PEM.
struct ClientTls {
  std::string ca_file;    // Who signs servers; empty: the system's list.
  std::string cert_file;  // With `key_file`: who this client is.
  std::string key_file;
  // What the server's certificate must be for; empty: the endpoint's host.
  std::string server_name;
};

struct ClientOptions {
  std::string endpoint = "127.0.0.1:50051";  // Or "unix:PATH".
  std::optional<ClientTls> tls;              // Unset: plain text.
  std::string token;                         // Empty: none is sent.
  RetryPolicy retry;
};

struct CallOptions {
  // For the call with all its retries.
  absl::Duration timeout = absl::InfiniteDuration();
  // Can end the call from another thread; must outlive it. May be null.
  CallCanceller* canceller = nullptr;
};

// A channel as `options` say; connects when the first call is made.
//
// INVALID_ARGUMENT: a certificate without its key, or the reverse; a TLS file
// cannot be read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(
    const ClientOptions& options);

}  // namespace lora

#endif  // LORA_CLIENT_CLIENT_OPTIONS_H_
