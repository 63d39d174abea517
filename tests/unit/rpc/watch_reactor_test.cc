// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/watch_reactor.h"

#include <map>
#include <memory>
#include <string>

#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

AdapterInfo Info(const std::string& id, int rank = 1) {
  AdapterInfo info;
  info.id = AdapterId(id);
  info.rank = rank;
  return info;
}

class WatchReactorTest : public RpcTest {
 protected:
  WatchReactorTest() { StartReadyServer(); }

  std::unique_ptr<grpc::ClientReader<v1::AdapterEvent>> Watch() {
    auto reader = adapters().WatchAdapters(context_.get(), {});
    plane_.WaitForWatches(1);
    return reader;
  }

  const std::unique_ptr<grpc::ClientContext> context_ = NewContext();
  v1::AdapterEvent event_;
};

TEST_F(WatchReactorTest, BeginsWithWhatIsThereAndGoesOnWithChanges) {
  plane_.Put(Info("a"));
  plane_.Put(Info("b"));
  const auto reader = Watch();
  for (const std::string id : {"a", "b"}) {
    ASSERT_TRUE(reader->Read(&event_));
    EXPECT_EQ(event_.type(), v1::AdapterEvent::SNAPSHOT);
    EXPECT_EQ(event_.adapter().adapter_id(), id);
  }
  plane_.Put(Info("a", 7));
  ASSERT_TRUE(reader->Read(&event_));
  EXPECT_EQ(event_.type(), v1::AdapterEvent::UPDATED);
  EXPECT_EQ(event_.adapter().rank(), 7);
  plane_.Unload({.id = AdapterId("a")}, [](auto) {});
  ASSERT_TRUE(reader->Read(&event_));
  EXPECT_EQ(event_.type(), v1::AdapterEvent::REMOVED);
  EXPECT_EQ(event_.adapter().adapter_id(), "a");
}

TEST_F(WatchReactorTest, EventsSayWhetherAMergedCopyExists) {
  engine_->Merge({{AdapterId("a"), 1.0f}}, false, [](auto) {});
  engine_->Flush();
  plane_.Put(Info("a"));
  const auto reader = Watch();
  ASSERT_TRUE(reader->Read(&event_));
  EXPECT_TRUE(event_.adapter().merged());
}

TEST_F(WatchReactorTest, ASlowReaderGetsTheLastStateOfEveryAdapter) {
  constexpr int kUpdates = 5000;
  constexpr int kAdapters = 3;
  const auto reader = Watch();
  // Far more than the transport's window; the plane is never held up.
  AdapterInfo info = Info("");
  info.source = std::string(2000, 'x');
  for (int i = 1; i <= kUpdates; ++i) {
    info.id = AdapterId(std::to_string(i % kAdapters));
    info.rank = i;
    plane_.Put(info);
  }
  std::map<std::string, int> last;
  int num_events = 0;
  while (last["0"] + last["1"] + last["2"] < 3 * kUpdates - 3) {
    ASSERT_TRUE(reader->Read(&event_));
    EXPECT_GT(event_.adapter().rank(), last[event_.adapter().adapter_id()]);
    last[event_.adapter().adapter_id()] = event_.adapter().rank();
    ++num_events;
  }
  EXPECT_LT(num_events, kUpdates);
}

TEST_F(WatchReactorTest, ACallerThatLeavesEndsTheWatch) {
  const auto reader = Watch();
  context_->TryCancel();
  plane_.WaitForWatches(0);
  EXPECT_FALSE(reader->Read(&event_));
  EXPECT_EQ(reader->Finish().error_code(), grpc::CANCELLED);
}

TEST_F(WatchReactorTest, AShutdownEndsTheWatchAndSaysWhy) {
  const auto reader = Watch();
  server_->Shutdown(absl::InfiniteFuture());
  EXPECT_FALSE(reader->Read(&event_));
  EXPECT_THAT(reader->Finish(),
              IsRpcError(grpc::UNAVAILABLE, ErrorReason::kDraining));
  plane_.WaitForWatches(0);
}

TEST_F(WatchReactorTest, AShutdownDoesNotWaitForAReaderThatSleeps) {
  AdapterInfo info = Info("a");
  info.source = std::string(1000, 'x');
  const auto reader = Watch();
  for (int i = 0; i < 2000; ++i) plane_.Put(info);
  server_->Shutdown(absl::Now());
  plane_.WaitForWatches(0);
}

}  // namespace
}  // namespace lora
