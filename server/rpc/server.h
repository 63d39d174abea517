// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_SERVER_H_
#define LORA_SERVER_RPC_SERVER_H_

#include <grpcpp/server.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/adapter/adapter_plane.h"
#include "server/base/mutex.h"
#include "server/engine/engine.h"
#include "server/rpc/adapter_service.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/generation_service.h"
#include "server/rpc/listen_address.h"
#include "server/rpc/server_options.h"
#include "server/rpc/server_service.h"

namespace prometheus {
class Registry;
}  // namespace prometheus

namespace lora {

// The gRPC server: AdapterService, GenerationService, ServerService, health
// and reflection.
//
// It listens from Start on, so that health checks have somebody to ask, and
// answers UNAVAILABLE (STARTING) until SetReady:
//
//   Start -> SetReady -> BeginDrain -> Shutdown
//
// Thread-safe. Must be destroyed before what SetReady was given.
class RpcServer {
 public:
  // Listens. Calls are counted in `registry`, which must outlive the server.
  //
  // INVALID_ARGUMENT (PARAM): `listen` cannot be read, or half of the TLS files
  // are named. FAILED_PRECONDITION (AUTH): off loopback without client
  // certificates or a token, and not `insecure`; or a file cannot be used.
  // FAILED_PRECONDITION (PARAM): the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(
      const RpcServerOptions& options, prometheus::Registry& registry);

  // Shuts down at once.
  ~RpcServer();

  // The port that is bound; 0 for a unix socket.
  int port() const { return port_; }

  // Serves from now on, and says so to health checks.
  void SetReady(Engine& engine, AdapterPlane& adapters)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Says NOT_SERVING to health checks; calls are still answered. To be followed
  // by Engine::Drain, which refuses new requests.
  void BeginDrain() ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses new calls, ends watches with UNAVAILABLE (DRAINING), waits for the
  // other calls, and cancels what is left at `deadline`. Returns when no call
  // is open. A health check that watches is open until `deadline`.
  void Shutdown(absl::Time deadline);

 private:
  enum class Health : uint8_t { kServing, kNotServing };

  RpcServer(std::string token, int max_message_bytes, absl::Time start_time);

  // Starts the gRPC server on `address`.
  absl::Status Listen(const ListenAddress& address,
                      const RpcServerOptions& options,
                      prometheus::Registry& registry);
  void SetHealth(Health health);

  CallGate gate_;
  AdapterService adapter_service_;
  GenerationService generation_service_;
  ServerService server_service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;

  Mutex mu_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_SERVER_H_
