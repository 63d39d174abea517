// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_OPTIONS_H_
#define LORA_SERVER_RPC_OPTIONS_H_

#include "server/config.h"
#include "server/rpc/server_options.h"

namespace lora {

// Where and to whom a server of this Config answers.
RpcServerOptions MakeRpcOptions(const Config& config);

}  // namespace lora

#endif  // LORA_SERVER_RPC_OPTIONS_H_
