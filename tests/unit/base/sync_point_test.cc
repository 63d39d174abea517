// SPDX-License-Identifier: Apache-2.0
#include "server/base/sync_point.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(SyncPointTest, AHeldPointStopsAThreadUntilItIsReleased) {
  SyncPoints sync;
  sync.Hold("point");
  std::atomic<bool> passed{false};
  std::thread thread([&] {
    sync.Reach("point");
    passed = true;
  });
  sync.AwaitArrivals("point", 1);
  EXPECT_FALSE(passed);
  sync.Release("point");
  thread.join();
  EXPECT_TRUE(passed);
}

TEST(SyncPointTest, OtherPointsAreNotHeld) {
  SyncPoints sync;
  sync.Hold("point");
  sync.Reach("other");
  EXPECT_EQ(sync.Arrivals("other"), 1);
  EXPECT_EQ(sync.Arrivals("point"), 0);
}

TEST(SyncPointTest, ArrivalsAreCountedFromTheBeginning) {
  SyncPoints sync;
  sync.Reach("point");
  sync.Reach("point");
  sync.AwaitArrivals("point", 2);
  EXPECT_EQ(sync.Arrivals("point"), 2);
}

TEST(SyncPointTest, WithoutPointsReachingOneDoesNothing) {
  ReachSyncPoint(nullptr, "point");
  SyncPoints sync;
  ReachSyncPoint(&sync, "point");
  EXPECT_EQ(sync.Arrivals("point"), 1);
}

}  // namespace
}  // namespace lora
