// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/watcher_set.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/adapter_service.h"
#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

// The service alone: RpcServer::Shutdown would refuse later calls itself.
class WatcherSetTest : public ::testing::Test {
 protected:
  using Reader = grpc::ClientReader<v1::AdapterEvent>;

  WatcherSetTest() {
    gate_.Open({.engine = &engine_, .adapters = &plane_});
    int port = 0;
    server_ = grpc::ServerBuilder()
                  .AddListeningPort("127.0.0.1:0",
                                    grpc::InsecureServerCredentials(), &port)
                  .RegisterService(&service_)
                  .BuildAndStart();
    stub_ = v1::AdapterService::NewStub(grpc::CreateChannel(
        absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~WatcherSetTest() override { server_->Shutdown(); }

  std::unique_ptr<Reader> Watch() {
    contexts_.push_back(NewContext());
    return stub_->WatchAdapters(contexts_.back().get(), {});
  }

  static void ExpectEnded(Reader& reader) {
    v1::AdapterEvent event;
    EXPECT_FALSE(reader.Read(&event));
    EXPECT_THAT(reader.Finish(),
                IsRpcError(grpc::UNAVAILABLE, ErrorReason::kDraining));
  }

  FakeEngine engine_;
  FakeAdapterPlane plane_;
  CallGate gate_{"", 1 << 20};
  AdapterService service_{gate_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::AdapterService::Stub> stub_;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts_;
};

TEST_F(WatcherSetTest, EveryOpenWatchEnds) {
  const auto first = Watch();
  const auto second = Watch();
  plane_.WaitForWatches(2);
  service_.EndWatches();
  ExpectEnded(*first);
  ExpectEnded(*second);
}

TEST_F(WatcherSetTest, LaterWatchesEndAtOnce) {
  service_.EndWatches();
  ExpectEnded(*Watch());
}

TEST_F(WatcherSetTest, WatchesThatEndedBeforeAreForgotten) {
  const auto left = Watch();
  plane_.WaitForWatches(1);
  contexts_.back()->TryCancel();
  EXPECT_EQ(left->Finish().error_code(), grpc::CANCELLED);
  plane_.WaitForWatches(0);
  const auto open = Watch();
  plane_.WaitForWatches(1);
  service_.EndWatches();
  ExpectEnded(*open);
}

}  // namespace
}  // namespace lora
