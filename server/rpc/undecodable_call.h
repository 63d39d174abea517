// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_UNDECODABLE_CALL_H_
#define LORA_SERVER_RPC_UNDECODABLE_CALL_H_

#include <grpcpp/support/server_interceptor.h>

#include <memory>

namespace lora {

// Makes a call whose message cannot be decoded (a string that is not UTF-8, or
// no protobuf at all) end with INVALID_ARGUMENT (INPUT) and a sentence. gRPC's
// callback API answers it UNIMPLEMENTED, without a word and before any handler
// of ours runs.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
MakeUndecodableCallRefusal();

}  // namespace lora

#endif  // LORA_SERVER_RPC_UNDECODABLE_CALL_H_
