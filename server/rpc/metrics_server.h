// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_METRICS_SERVER_H_
#define LORA_SERVER_RPC_METRICS_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace prometheus {
class Exposer;
class Registry;
}  // namespace prometheus

namespace lora {

// Answers GET /metrics over HTTP in Prometheus' text format until destroyed.
// Thread-safe.
class MetricsServer {
 public:
  // Listens on `listen` ("HOST:PORT"; port 0: any free one).
  //
  // FAILED_PRECONDITION (PARAM): the address cannot be read or bound.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& listen,
      std::shared_ptr<prometheus::Registry> registry);

  ~MetricsServer();

  int port() const;

 private:
  MetricsServer(std::unique_ptr<prometheus::Exposer> exposer,
                std::shared_ptr<prometheus::Registry> registry);

  const std::shared_ptr<prometheus::Registry> registry_;
  const std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_METRICS_SERVER_H_
