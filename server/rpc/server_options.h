// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_SERVER_OPTIONS_H_
#define LORA_SERVER_RPC_SERVER_OPTIONS_H_

#include <string>

namespace lora {

// PEM files; empty: not used.
struct TlsFiles {
  std::string cert;       // The server's chain. With `key`: serve TLS.
  std::string key;        // Its private key.
  std::string client_ca;  // Set: every client must present a certificate.
};

// Where and to whom RpcServer answers.
struct RpcServerOptions {
  // "HOST:PORT", "[IPV6]:PORT" or "unix:PATH"; port 0: any free one.
  std::string listen = "127.0.0.1:50051";
  // The longest request; longer ones are RESOURCE_EXHAUSTED (QUOTA), without
  // the reason if they are more than twice as long: gRPC does not read those.
  int max_message_bytes = 16 << 20;
  TlsFiles tls;
  // A file with one bearer token, asked of every call but health checks and
  // reflection; empty: none.
  std::string auth_token_file;
  // Listen off loopback although anybody could load and unload adapters.
  bool insecure = false;
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_SERVER_OPTIONS_H_
