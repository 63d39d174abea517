// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/server_service.h"

#include <string>

#include "server/base/status_macros.h"
#include "server/base/version.h"
#include "server/rpc/convert_server_info.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/unary_call.h"

namespace lora {

grpc::ServerUnaryReactor* ServerService::GetServerInfo(
    grpc::CallbackServerContext* context,
    const v1::GetServerInfoRequest* request, v1::ServerInfo* response) {
  return AnswerNow(context, [&]() -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    *response = ToProto(backend.engine->Info());
    response->set_version(std::string(Version()));
    *response->mutable_start_time() = ToProto(start_time_);
    return absl::OkStatus();
  });
}

}  // namespace lora
