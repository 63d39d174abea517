// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_CONVERT_SERVER_INFO_H_
#define LORA_SERVER_RPC_CONVERT_SERVER_INFO_H_

#include "lora/v1/server_service.pb.h"
#include "server/engine/engine.h"

namespace lora {

// All that the engine knows; not the version and the start time.
v1::ServerInfo ToProto(const EngineInfo& info);

}  // namespace lora

#endif  // LORA_SERVER_RPC_CONVERT_SERVER_INFO_H_
