// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_CALL_GATE_H_
#define LORA_SERVER_RPC_CALL_GATE_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/adapter/adapter_plane.h"
#include "server/base/mutex.h"
#include "server/engine/engine.h"

namespace lora {

// What answers the calls. Not owned.
struct Backend {
  Engine* engine = nullptr;
  AdapterPlane* adapters = nullptr;
};

// What every call passes first: may this caller call, and is there something
// to answer it? Thread-safe.
class CallGate {
 public:
  // Callers must show `token`; empty: nobody is asked. Requests may have
  // `max_message_bytes`.
  CallGate(std::string token, int max_message_bytes);

  // Lets calls through to `backend` from now on.
  void Open(Backend backend);

  // UNAUTHENTICATED (AUTH): no or wrong credentials. RESOURCE_EXHAUSTED
  // (QUOTA): `request` is too long. UNAVAILABLE (STARTING): not open yet.
  absl::StatusOr<Backend> Admit(const grpc::CallbackServerContext& context,
                                const google::protobuf::Message& request) const;

 private:
  const std::string token_;
  const int max_message_bytes_;
  mutable Mutex mu_;
  std::optional<Backend> backend_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_CALL_GATE_H_
