// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_RPC_RPC_TEST_UTIL_H_
#define LORA_TESTS_UNIT_RPC_RPC_TEST_UTIL_H_

#include <grpcpp/grpcpp.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "lora/v1/adapter_service.grpc.pb.h"
#include "lora/v1/generation_service.grpc.pb.h"
#include "lora/v1/server_service.grpc.pb.h"
#include "server/base/error.h"
#include "server/rpc/server.h"
#include "tests/fakes/fake_adapter_plane.h"
#include "tests/fakes/fake_engine.h"

namespace lora {

// The ErrorInfo in the details of `status`; fails the test unless there is
// exactly one and code and message are repeated beside it.
google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status);

// A failed call with this code and reason, of the domain lora.v1.
MATCHER_P2(IsRpcError, code, reason,
           std::string("is the gRPC error ") + std::to_string(code) + " " +
               std::string(ErrorReasonName(reason))) {
  *result_listener << arg.error_code() << " " << arg.error_message();
  if (arg.error_code() != code) return false;
  const google::rpc::ErrorInfo info = ErrorInfoOf(arg);
  *result_listener << " (" << info.reason() << ")";
  return info.reason() == ErrorReasonName(reason) && info.domain() == "lora.v1";
}

#define EXPECT_RPC_OK(expr)                               \
  do {                                                    \
    const grpc::Status _status = (expr);                  \
    EXPECT_TRUE(_status.ok()) << _status.error_message(); \
  } while (false)

// What is given to every call of a test, so that a hang ends it.
std::unique_ptr<grpc::ClientContext> NewContext();

// A real server on a free port over fakes.
class RpcTest : public ::testing::Test {
 protected:
  ~RpcTest() override;

  // Starts the server; a test that says nothing gets a ready one.
  void StartServer(RpcServerOptions options = {});
  void StartReadyServer(FakeEngine::Script script = nullptr,
                        RpcServerOptions options = {});

  std::string target() const;
  std::shared_ptr<grpc::Channel> Connect() const;
  v1::AdapterService::Stub& adapters() { return *adapters_; }
  v1::GenerationService::Stub& generation() { return *generation_; }
  v1::ServerService::Stub& info() { return *info_; }

  std::unique_ptr<FakeEngine> engine_;
  FakeAdapterPlane plane_;
  std::shared_ptr<prometheus::Registry> registry_ =
      std::make_shared<prometheus::Registry>();
  std::unique_ptr<RpcServer> server_;

 private:
  std::unique_ptr<v1::AdapterService::Stub> adapters_;
  std::unique_ptr<v1::GenerationService::Stub> generation_;
  std::unique_ptr<v1::ServerService::Stub> info_;
};

}  // namespace lora

#endif  // LORA_TESTS_UNIT_RPC_RPC_TEST_UTIL_H_
