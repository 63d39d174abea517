// SPDX-License-Identifier: Apache-2.0
// AdapterManager: what was asked of an adapter and what the store keeps agree,
// whoever came, left or changed their mind meanwhile.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/adapter/adapter_manager.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/adapter_manager_fixture.h"

namespace lora {
namespace {

using AdapterManagerSyncTest = AdapterManagerFixture;

TEST_F(AdapterManagerSyncTest, APinThatWasAskedForByALoadThatEndedIsNotKept) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.loader().Put("big", {.content = "big", .device_bytes = 100});
  ASSERT_OK(plane_.Load({.id = AdapterId("big"), .source = "big"}));
  ASSERT_EQ(Get("a").tier, AdapterTier::kDisk);
  plane_.sync().Hold("Upload:a");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  const WaitId id = manager_.Load(
      {.id = AdapterId("a"), .source = "a", .pinned = true}, load.Callback());
  plane_.sync().AwaitArrivals("Upload:a", 2);
  manager_.CancelWait(id);
  plane_.sync().Release("Upload:a");
  EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kCancelled));
  ASSERT_OK(plane_.Load({.id = AdapterId("a"), .source = "a"}));
  EXPECT_FALSE(Get("a").pinned);
  EXPECT_OK(manager_.CheckIntegrity());
  EXPECT_OK(plane_.Load({.id = AdapterId("big"), .source = "big"}));
}

TEST_F(AdapterManagerSyncTest, OnlyWhoStayedDecidesHowAnAdapterIsKept) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.sync().Hold("Upload:a");
  CallbackResult<absl::StatusOr<AdapterInfo>> pinning;
  CallbackResult<absl::StatusOr<AdapterInfo>> plain;
  const WaitId id = manager_.Load({.id = AdapterId("a"),
                                   .source = "dir",
                                   .pinned = true,
                                   .warm_tier = WarmTier::kHost},
                                  pinning.Callback());
  plane_.sync().AwaitArrivals("Upload:a", 1);
  manager_.Load({.id = AdapterId("a"), .source = "dir"}, plain.Callback());
  manager_.CancelWait(id);
  plane_.sync().Release("Upload:a");
  ASSERT_OK(plain.Await());
  EXPECT_FALSE(plain.Await()->pinned);
  EXPECT_EQ(plain.Await()->warm_tier, WarmTier::kDisk);
  EXPECT_EQ(plain.Await()->host_bytes, 0);
  EXPECT_OK(manager_.CheckIntegrity());
}

TEST_F(AdapterManagerSyncTest, AnUpdateDuringAReplaceHoldsForTheNewVersion) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.loader().Put("two", {.content = "v2"});
  plane_.sync().Hold("Upload:a");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("a"), .source = "two", .replace = true},
                load.Callback());
  plane_.sync().AwaitArrivals("Upload:a", 2);
  ASSERT_OK(plane_.Update({.id = AdapterId("a"), .pinned = true}));
  plane_.sync().Release("Upload:a");
  ASSERT_OK(load.Await());
  EXPECT_TRUE(load.Await()->pinned);
  EXPECT_OK(manager_.CheckIntegrity());
  EXPECT_EQ(manager_.Stats().device.pinned_bytes, 10);
}

TEST_F(AdapterManagerSyncTest, APinThatDoesNotFitBesideAReplaceIsRefused) {
  plane_.loader().Put("one", {.content = "v1", .device_bytes = 40});
  plane_.loader().Put("two", {.content = "v2", .device_bytes = 70});
  ASSERT_OK(plane_.Load({.id = AdapterId("a"), .source = "one"}));
  plane_.sync().Hold("Upload:a");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("a"), .source = "two", .replace = true},
                load.Callback());
  plane_.sync().AwaitArrivals("Upload:a", 2);
  EXPECT_THAT(
      plane_.Update({.id = AdapterId("a"), .pinned = true}),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  EXPECT_FALSE(Get("a").pinned);
  plane_.sync().Release("Upload:a");
  ASSERT_OK(load.Await());
  EXPECT_FALSE(load.Await()->pinned);
}

TEST_F(AdapterManagerSyncTest, LoadingWhatIsResidentLeavesNoHostCopy) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info,
                       plane_.Load({.id = AdapterId("a"), .source = "a"}));
  EXPECT_EQ(info.host_bytes, 0);
  EXPECT_FALSE(plane_
                   .Load({.id = AdapterId("a"),
                          .source = "a",
                          .sha256 = std::string(64, '0')})
                   .ok());
  EXPECT_EQ(Get("a").host_bytes, 0);
  ASSERT_OK_AND_ASSIGN(
      const AdapterInfo warm,
      plane_.Load(
          {.id = AdapterId("a"), .source = "a", .warm_tier = WarmTier::kHost}));
  EXPECT_EQ(warm.host_bytes, 10);
}

TEST_F(AdapterManagerSyncTest, AnAbandonedLoadFromElsewhereLeavesTheOldSource) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.loader().Put("copy", {.content = "v1"});
  plane_.sync().Hold("AdapterManager::OnPromoted");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  const int64_t arrivals = plane_.sync().Arrivals("AdapterManager::OnPromoted");
  const WaitId id =
      manager_.Load({.id = AdapterId("a"), .source = "copy"}, load.Callback());
  plane_.sync().AwaitArrivals("AdapterManager::OnPromoted", arrivals + 1);
  manager_.CancelWait(id);
  plane_.sync().Release("AdapterManager::OnPromoted");
  ASSERT_FALSE(load.Await().ok());
  // One load after the other: the abandoned one has ended when this has.
  ASSERT_OK(plane_.Load({.id = AdapterId("a"), .source = "a"}));
  EXPECT_EQ(Get("a").source, "a");
  EXPECT_OK(manager_.CheckIntegrity());
}

}  // namespace
}  // namespace lora
