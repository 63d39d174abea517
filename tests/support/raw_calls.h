// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_RAW_CALLS_H_
#define LORA_TESTS_SUPPORT_RAW_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lora {

// Services of gRPC itself, whose messages the distribution does not ship.

// grpc.health.v1.HealthCheckResponse.ServingStatus.
enum class Health : uint8_t {
  kUnknown = 0,
  kServing = 1,
  kNotServing = 2,
};

// NOT_FOUND: the server knows no such service.
absl::StatusOr<Health> CheckHealth(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& service);

// The serialized answer of reflection to "list the services": their names are
// in it, each as it is.
absl::StatusOr<std::string> ListServices(
    const std::shared_ptr<grpc::Channel>& channel);

// Calls `method` ("/package.Service/Method") with an empty message.
absl::Status CallEmpty(const std::shared_ptr<grpc::Channel>& channel,
                       const std::string& method);

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_RAW_CALLS_H_
