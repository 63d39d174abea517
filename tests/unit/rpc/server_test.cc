// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/server.h"

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/raw_calls.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

constexpr const char* kServices[] = {"", "lora.v1.AdapterService",
                                     "lora.v1.GenerationService",
                                     "lora.v1.ServerService"};

class RpcServerTest : public RpcTest {
 protected:
  void ExpectHealth(Health health) {
    for (const std::string service : kServices) {
      EXPECT_THAT(CheckHealth(Connect(), service), IsOkAndHolds(health))
          << service;
    }
  }

  v1::GenerateRequest TextRequest() {
    v1::GenerateRequest request;
    request.set_text("hi");
    return request;
  }

  v1::GenerateResponse response_;
};

TEST_F(RpcServerTest, EveryServiceSaysThatTheServerIsStarting) {
  StartServer();
  v1::ServerInfo server_info;
  EXPECT_THAT(info().GetServerInfo(NewContext().get(), {}, &server_info),
              IsRpcError(grpc::UNAVAILABLE, ErrorReason::kStarting));
  v1::Adapter adapter;
  EXPECT_THAT(adapters().LoadAdapter(NewContext().get(), {}, &adapter),
              IsRpcError(grpc::UNAVAILABLE, ErrorReason::kStarting));
  const auto watch_context = NewContext();
  v1::AdapterEvent event;
  auto watch = adapters().WatchAdapters(watch_context.get(), {});
  EXPECT_FALSE(watch->Read(&event));
  EXPECT_THAT(watch->Finish(),
              IsRpcError(grpc::UNAVAILABLE, ErrorReason::kStarting));
  EXPECT_THAT(
      generation().GenerateText(NewContext().get(), TextRequest(), &response_),
      IsRpcError(grpc::UNAVAILABLE, ErrorReason::kStarting));
  const auto context = NewContext();
  auto stream = generation().Generate(context.get(), TextRequest());
  EXPECT_FALSE(stream->Read(&response_));
  EXPECT_THAT(stream->Finish(),
              IsRpcError(grpc::UNAVAILABLE, ErrorReason::kStarting));
}

TEST_F(RpcServerTest, HealthFollowsTheLifeOfTheServer) {
  StartServer();
  ExpectHealth(Health::kNotServing);
  engine_ = std::make_unique<FakeEngine>();
  server_->SetReady(*engine_, plane_);
  ExpectHealth(Health::kServing);
  server_->BeginDrain();
  ExpectHealth(Health::kNotServing);
}

TEST_F(RpcServerTest, AServerThatDrainsBeforeItIsReadyNeverServes) {
  StartServer();
  server_->BeginDrain();
  engine_ = std::make_unique<FakeEngine>();
  server_->SetReady(*engine_, plane_);
  ExpectHealth(Health::kNotServing);
}

TEST_F(RpcServerTest, HealthOfOtherNamesIsNotFound) {
  StartServer();
  EXPECT_THAT(CheckHealth(Connect(), "lora.v1.Nothing"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RpcServerTest, ReflectionListsTheServices) {
  StartServer();
  ASSERT_OK_AND_ASSIGN(const std::string services, ListServices(Connect()));
  for (const char* service : kServices) {
    EXPECT_THAT(services, HasSubstr(service));
  }
  EXPECT_THAT(services, HasSubstr("grpc.health.v1.Health"));
}

TEST_F(RpcServerTest, CallsAreAnsweredWhileDraining) {
  StartReadyServer();
  server_->BeginDrain();
  v1::ListAdaptersResponse list;
  EXPECT_RPC_OK(adapters().ListAdapters(NewContext().get(), {}, &list));
}

TEST_F(RpcServerTest, AShutdownWaitsForCallsThatEndInTime) {
  StartReadyServer();
  grpc::Status status;
  std::thread caller([&] {
    status = generation().GenerateText(NewContext().get(), TextRequest(),
                                       &response_);
  });
  const SequenceId id = engine_->NextSubmission().id;
  std::thread shutdown([this] { server_->Shutdown(absl::InfiniteFuture()); });
  engine_->Send(id, {.text = "late"});
  engine_->Finish(id, GenerationResult{});
  caller.join();
  shutdown.join();
  EXPECT_RPC_OK(status);
  EXPECT_EQ(response_.text(), "late");
}

TEST_F(RpcServerTest, AShutdownCancelsWhatIsLeftAtItsDeadline) {
  StartReadyServer();
  grpc::Status status;
  std::thread caller([&] {
    status = generation().GenerateText(NewContext().get(), TextRequest(),
                                       &response_);
  });
  const SequenceId id = engine_->NextSubmission().id;
  server_->Shutdown(absl::InfinitePast());
  engine_->WaitForCancel(id);
  caller.join();
  EXPECT_FALSE(status.ok());
}

TEST_F(RpcServerTest, ATooLongMessageIsRefused) {
  StartReadyServer(EchoScript, {.max_message_bytes = 1000});
  v1::GenerateRequest request;
  request.set_text(std::string(900, 'x'));
  EXPECT_RPC_OK(
      generation().GenerateText(NewContext().get(), request, &response_));
  request.set_text(std::string(1000, 'x'));
  EXPECT_THAT(
      generation().GenerateText(NewContext().get(), request, &response_),
      IsRpcError(grpc::RESOURCE_EXHAUSTED, ErrorReason::kQuota));
  // gRPC's own limit.
  request.set_text(std::string(2000, 'x'));
  EXPECT_EQ(generation()
                .GenerateText(NewContext().get(), request, &response_)
                .error_code(),
            grpc::RESOURCE_EXHAUSTED);
}

TEST_F(RpcServerTest, ATakenPortIsRefused) {
  StartServer();
  prometheus::Registry registry;
  const auto second = RpcServer::Start({.listen = target()}, registry);
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kFailedPrecondition,
                               ErrorReason::kParam));
  EXPECT_THAT(second, MessageIs(HasSubstr(target())));
}

TEST_F(RpcServerTest, AMalformedAddressIsRefused) {
  EXPECT_THAT(
      RpcServer::Start({.listen = "nowhere"}, *registry_),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam));
}

TEST_F(RpcServerTest, OffLoopbackIsRefusedUnlessInsecure) {
  EXPECT_THAT(
      RpcServer::Start({.listen = "0.0.0.0:0"}, *registry_),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kAuth));
  const auto server =
      RpcServer::Start({.listen = "0.0.0.0:0", .insecure = true}, *registry_);
  ASSERT_OK(server);
  EXPECT_GT((*server)->port(), 0);
}

TEST_F(RpcServerTest, AUnixSocketNeedsNoPort) {
  const TemporaryFolder folder;
  const std::string address =
      absl::StrCat("unix:", folder.string(), "/server.sock");
  ASSERT_OK_AND_ASSIGN(server_,
                       RpcServer::Start({.listen = address}, *registry_));
  EXPECT_THAT(
      CheckHealth(
          grpc::CreateChannel(address, grpc::InsecureChannelCredentials()), ""),
      IsOkAndHolds(Health::kNotServing));
}

TEST_F(RpcServerTest, GetServerInfoTellsWhatRunsHere) {
  StartReadyServer();
  engine_->set_info({.base_name = "tiny", .device = "cpu", .max_queue = 9});
  v1::ServerInfo server_info;
  EXPECT_RPC_OK(info().GetServerInfo(NewContext().get(), {}, &server_info));
  EXPECT_EQ(server_info.base_model().name(), "tiny");
  EXPECT_EQ(server_info.device(), "cpu");
  EXPECT_EQ(server_info.max_queue(), 9);
  EXPECT_THAT(server_info.version(), ::testing::MatchesRegex("[0-9.]+"));
  EXPECT_GT(server_info.start_time().seconds(), 1'600'000'000);
}

}  // namespace
}  // namespace lora
