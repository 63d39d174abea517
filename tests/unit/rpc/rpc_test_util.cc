// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/rpc/rpc_test_util.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/rpc/status.pb.h"
#include "tests/support/status_matchers.h"

namespace lora {

google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(details.message(), status.error_message());
  EXPECT_EQ(details.details_size(), 1);
  google::rpc::ErrorInfo info;
  if (details.details_size() > 0) {
    EXPECT_TRUE(details.details(0).UnpackTo(&info));
  }
  return info;
}

std::unique_ptr<grpc::ClientContext> NewContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(1)));
  return context;
}

RpcTest::~RpcTest() {
  // Before the fakes that it calls.
  server_.reset();
}

void RpcTest::StartServer(RpcServerOptions options) {
  options.listen = "127.0.0.1:0";
  auto server = RpcServer::Start(options, *registry_);
  ASSERT_OK(server);
  server_ = *std::move(server);
  const std::shared_ptr<grpc::Channel> channel = Connect();
  adapters_ = v1::AdapterService::NewStub(channel);
  generation_ = v1::GenerationService::NewStub(channel);
  info_ = v1::ServerService::NewStub(channel);
}

void RpcTest::StartReadyServer(FakeEngine::Script script,
                               RpcServerOptions options) {
  StartServer(std::move(options));
  engine_ = std::make_unique<FakeEngine>(std::move(script));
  server_->SetReady(*engine_, plane_);
}

std::string RpcTest::target() const {
  return absl::StrCat("127.0.0.1:", server_->port());
}

std::shared_ptr<grpc::Channel> RpcTest::Connect() const {
  return grpc::CreateChannel(target(), grpc::InsecureChannelCredentials());
}

}  // namespace lora
