// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_RPC_METRICS_H_
#define LORA_SERVER_RPC_RPC_METRICS_H_

#include <grpcpp/support/server_interceptor.h>

#include <memory>

namespace prometheus {
class Registry;
}  // namespace prometheus

namespace lora {

// Counts every call that ends, and how long it took, in `registry`:
//
//   lora_rpc_requests_total{method,code}
//   lora_rpc_duration_seconds{method}
//
// Only methods that this program's protos define have a name there, the rest is
// `other`: callers cannot make time series up. `registry` must outlive the
// server that uses the factory.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
MakeRpcMetrics(prometheus::Registry& registry);

}  // namespace lora

#endif  // LORA_SERVER_RPC_RPC_METRICS_H_
