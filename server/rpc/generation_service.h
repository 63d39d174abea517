// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_GENERATION_SERVICE_H_
#define LORA_SERVER_RPC_GENERATION_SERVICE_H_

#include "lora/v1/generation_service.grpc.pb.h"
#include "server/rpc/call_gate.h"

namespace lora {

// lora.v1.GenerationService over Engine. Thread-safe.
class GenerationService final : public v1::GenerationService::CallbackService {
 public:
  // `gate` must outlive the service.
  explicit GenerationService(const CallGate& gate) : gate_(gate) {}

  grpc::ServerWriteReactor<v1::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context,
      const v1::GenerateRequest* request) override;
  grpc::ServerUnaryReactor* GenerateText(
      grpc::CallbackServerContext* context, const v1::GenerateRequest* request,
      v1::GenerateResponse* response) override;
  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override;
  grpc::ServerUnaryReactor* Detokenize(
      grpc::CallbackServerContext* context,
      const v1::DetokenizeRequest* request,
      v1::DetokenizeResponse* response) override;

 private:
  const CallGate& gate_;
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_GENERATION_SERVICE_H_
