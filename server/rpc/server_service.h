// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_SERVER_SERVICE_H_
#define LORA_SERVER_RPC_SERVER_SERVICE_H_

#include "absl/time/time.h"
#include "lora/v1/server_service.grpc.pb.h"
#include "server/rpc/call_gate.h"

namespace lora {

// lora.v1.ServerService over Engine. Thread-safe.
class ServerService final : public v1::ServerService::CallbackService {
 public:
  // `gate` must outlive the service. `start_time` is what GetServerInfo tells.
  ServerService(const CallGate& gate, absl::Time start_time)
      : gate_(gate), start_time_(start_time) {}

  grpc::ServerUnaryReactor* GetServerInfo(
      grpc::CallbackServerContext* context,
      const v1::GetServerInfoRequest* request,
      v1::ServerInfo* response) override;

 private:
  const CallGate& gate_;
  const absl::Time start_time_;
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_SERVER_SERVICE_H_
