// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_REFUSED_STREAM_H_
#define LORA_SERVER_RPC_REFUSED_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "server/rpc/status_converter.h"

namespace lora {

// A server stream that ends before its first message. Deletes itself when gRPC
// is done with it.
template <typename Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const absl::Status& status) {
    this->Finish(ToGrpcStatus(status));
  }

 private:
  void OnDone() override { delete this; }
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_REFUSED_STREAM_H_
