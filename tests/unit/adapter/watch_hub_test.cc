// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/watch_hub.h"

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/callback_result.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using Type = AdapterEvent::Type;

AdapterEvent Event(const std::string& id, Type type = Type::kUpdated) {
  AdapterEvent event;
  event.type = type;
  event.adapter.id = AdapterId(id);
  return event;
}

// Collects ids until "end".
class Collector {
 public:
  AdapterPlane::WatchCallback Callback() {
    return [this, done = end_.Callback()](const AdapterEvent& event) {
      if (event.adapter.id == AdapterId("end")) {
        done(true);
      } else {
        ids_.push_back(event.adapter.id.value());
      }
    };
  }
  const std::vector<std::string>& AwaitEnd() {
    end_.Await();
    return ids_;
  }

 private:
  std::vector<std::string> ids_;
  CallbackResult<bool> end_;
};

TEST(WatchHubTest, AWatcherHearsItsSnapshotThenLaterEventsInOrder) {
  Collector first;
  Collector second;
  WatchHub hub;
  hub.Publish(Event("nobody hears it"));
  hub.Add(WaitId(1), first.Callback(), {Event("s1"), Event("s2")});
  hub.Publish(Event("e1"));
  hub.Add(WaitId(2), second.Callback(), {Event("s3")});
  hub.Publish(Event("e2"));
  hub.Publish(Event("end"));
  EXPECT_THAT(first.AwaitEnd(), ElementsAre("s1", "s2", "e1", "e2"));
  EXPECT_THAT(second.AwaitEnd(), ElementsAre("s3", "e2"));
}

TEST(WatchHubTest, ARemovedWatcherHearsNothingMore) {
  std::atomic<int> num_heard{0};
  Collector other;
  WatchHub hub;
  hub.Add(WaitId(1), [&](const AdapterEvent&) { ++num_heard; }, {});
  hub.Add(WaitId(2), other.Callback(), {});
  hub.Remove(WaitId(1));
  hub.Publish(Event("e"));
  hub.Publish(Event("end"));
  EXPECT_THAT(other.AwaitEnd(), ElementsAre("e"));
  EXPECT_EQ(num_heard, 0);
}

TEST(WatchHubTest, RemoveWaitsForTheCallbackThatRuns) {
  WatchHub hub;
  std::promise<void> entered;
  std::promise<void> may_leave;
  std::atomic<bool> left{false};
  hub.Add(WaitId(1),
          [&](const AdapterEvent&) {
            entered.set_value();
            may_leave.get_future().wait();
            left = true;
          },
          {Event("s")});
  entered.get_future().wait();
  std::thread releaser([&] { may_leave.set_value(); });
  hub.Remove(WaitId(1));
  EXPECT_TRUE(left);
  releaser.join();
}

TEST(WatchHubTest, RemovingWhoIsNotThereDoesNothing) {
  WatchHub hub;
  hub.Remove(WaitId(1));
  EXPECT_FALSE(hub.has_watchers());
}

}  // namespace
}  // namespace lora
