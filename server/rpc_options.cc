// SPDX-License-Identifier: Apache-2.0
#include "server/rpc_options.h"

namespace lora {

RpcServerOptions MakeRpcOptions(const Config& config) {
  return {.listen = config.listen,
          .tls = {.cert = config.tls_cert,
                  .key = config.tls_key,
                  .client_ca = config.tls_client_ca},
          .auth_token_file = config.auth_token_file,
          .insecure = config.insecure};
}

}  // namespace lora
