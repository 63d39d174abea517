// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_manager.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/sha256.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/adapter_manager_fixture.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using AdapterManagerTest = AdapterManagerFixture;

TEST_F(AdapterManagerTest, ALoadedAdapterIsReadyOnTheDevice) {
  plane_.loader().Put("dir", {.content = "v1", .device_bytes = 16});
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info,
                       plane_.Load({.id = AdapterId("a"), .source = "dir"}));
  EXPECT_EQ(info.state, AdapterState::kReady);
  EXPECT_EQ(info.tier, AdapterTier::kDevice);
  EXPECT_EQ(info.digest, FakeAdapterLoader::DigestOf("v1"));
  EXPECT_EQ(info.source, "dir");
  EXPECT_EQ(info.device_bytes, 16);
  EXPECT_EQ(info.host_bytes, 0);  // Dropped after the upload.
  EXPECT_EQ(info.rank, 16);
  EXPECT_THAT(info.target_modules, ElementsAre("q_proj"));
  EXPECT_THAT(info.warnings, ElementsAre("fake"));
  EXPECT_EQ(info.load_time, plane_.clock().Now());
  EXPECT_EQ(info.pending, std::nullopt);
}

TEST_F(AdapterManagerTest, AnIdThatIsNoIdIsRefused) {
  for (const std::string id : {"", "../x", "a/b", "-a", "__base__"}) {
    EXPECT_THAT(
        plane_.Load({.id = AdapterId(id), .source = "dir"}),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kAdapterId))
        << id;
    for (const absl::Status& status :
         {manager_.Get(AdapterId(id)).status(),
          plane_.Update({.id = AdapterId(id)}).status(),
          plane_.Unload({.id = AdapterId(id)}).status(),
          plane_.Lease({id}).status()}) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                   ErrorReason::kAdapterId))
          << id;
    }
  }
}

TEST_F(AdapterManagerTest, AFailedFirstLoadLeavesNoTrace) {
  const absl::Status broken =
      Error(absl::StatusCode::kInvalidArgument, ErrorReason::kRank, "r = 0");
  plane_.loader().Put("dir", {.content = "v1", .status = broken});
  EXPECT_THAT(plane_.Load({.id = AdapterId("a"), .source = "dir"}),
              StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kRank));
  EXPECT_THAT(manager_.Get(AdapterId("a")),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapter));
  EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
}

TEST_F(AdapterManagerTest, AnUploadThatFailsLeavesNoTrace) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.uploader().SetStatus(Error(absl::StatusCode::kResourceExhausted,
                                    ErrorReason::kMemory, "no room"));
  EXPECT_THAT(
      plane_.Load({.id = AdapterId("a"), .source = "dir"}),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kMemory));
  EXPECT_THAT(manager_.Get(AdapterId("a")),
              StatusIs(absl::StatusCode::kNotFound));
  const AdapterStats stats = manager_.Stats();
  EXPECT_EQ(stats.host.used_bytes, 0);
  EXPECT_EQ(stats.device.used_bytes, 0);
  EXPECT_EQ(stats.num_load_failures, 1);
}

TEST_F(AdapterManagerTest, WhatCanNeverFitIsRefused) {
  plane_.loader().Put("wide", {.content = "v1", .device_bytes = 101});
  EXPECT_THAT(
      plane_.Load({.id = AdapterId("a"), .source = "wide"}),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  plane_.loader().Put("long", {.content = "v1", .host_bytes = 1001});
  EXPECT_THAT(
      plane_.Load({.id = AdapterId("a"), .source = "long"}),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
}

TEST_F(AdapterManagerTest, OtherWeightsThanExpectedAreRefused) {
  plane_.loader().Put("dir", {.content = "v1"});
  EXPECT_THAT(plane_.Load({.id = AdapterId("a"),
                           .source = "dir",
                           .sha256 = Sha256Hex("other")}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ErrorReason::kDigestMismatch));
  EXPECT_OK(plane_.Load(
      {.id = AdapterId("a"), .source = "dir", .sha256 = Sha256Hex("v1")}));
}

TEST_F(AdapterManagerTest, TheSameContentAgainIsOkAndAppliesTheFields) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info,
                       plane_.Load({.id = AdapterId("a"),
                                    .source = "a",
                                    .pinned = true,
                                    .warm_tier = WarmTier::kHost,
                                    .labels = {{{"team", "sql"}}}}));
  EXPECT_TRUE(info.pinned);
  EXPECT_EQ(info.warm_tier, WarmTier::kHost);
  EXPECT_EQ(info.labels.at("team"), "sql");
  EXPECT_EQ(plane_.uploader().num_uploads(), 1);
}

TEST_F(AdapterManagerTest, OtherContentWithoutReplaceIsRefused) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.loader().Put("a", {.content = "v2"});
  EXPECT_THAT(
      plane_.Load({.id = AdapterId("a"), .source = "a"}),
      StatusIs(absl::StatusCode::kAlreadyExists, ErrorReason::kAdapterExists));
  EXPECT_EQ(Get("a").digest, FakeAdapterLoader::DigestOf("v1"));
  EXPECT_EQ(Get("a").state, AdapterState::kReady);
  EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
}

TEST_F(AdapterManagerTest, AFailedReplaceKeepsTheOldVersionAndSaysWhy) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.loader().Put("a",
                      {.content = "v2", .status = absl::DataLossError("")});
  EXPECT_THAT(
      plane_.Load({.id = AdapterId("a"), .source = "a", .replace = true}),
      StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(Get("a").state, AdapterState::kReady);
  EXPECT_THAT(Get("a").error, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_OK(plane_.Lease({"a"}));
}

TEST_F(AdapterManagerTest, MoreAdaptersThanAllowedAreRefused) {
  AdapterManagerOptions options = TestPlane::DefaultOptions();
  options.max_adapters = 1;
  TestPlane plane(options);
  ASSERT_OK(plane.LoadContent("a", "v1"));
  EXPECT_THAT(
      plane.LoadContent("b", "v1"),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  EXPECT_OK(plane.LoadContent("a", "v2"));
}

TEST_F(AdapterManagerTest, TwoLoadsOfOneAdapterShareOneRead) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> first;
  CallbackResult<absl::StatusOr<AdapterInfo>> second;
  manager_.Load({.id = AdapterId("a"), .source = "dir"}, first.Callback());
  plane_.sync().AwaitArrivals("Read:dir", 1);
  manager_.Load({.id = AdapterId("a"), .source = "dir"}, second.Callback());
  plane_.sync().Release("Read:dir");
  EXPECT_OK(first.Await());
  EXPECT_OK(second.Await());
  EXPECT_EQ(plane_.loader().num_reads(), 1);
}

TEST_F(AdapterManagerTest, TwoDifferentLoadsOfOneIdRunOneAfterTheOther) {
  plane_.loader().Put("one", {.content = "v1"});
  plane_.loader().Put("two", {.content = "v2"});
  plane_.sync().Hold("Read:one");
  CallbackResult<absl::StatusOr<AdapterInfo>> first;
  CallbackResult<absl::StatusOr<AdapterInfo>> second;
  CallbackResult<absl::StatusOr<AdapterInfo>> third;
  manager_.Load({.id = AdapterId("a"), .source = "one"}, first.Callback());
  manager_.Load({.id = AdapterId("a"), .source = "two"}, second.Callback());
  manager_.Load({.id = AdapterId("a"), .source = "two", .replace = true},
                third.Callback());
  plane_.sync().Release("Read:one");
  EXPECT_OK(first.Await());
  EXPECT_THAT(second.Await(), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK(third.Await());
  EXPECT_EQ(Get("a").digest, FakeAdapterLoader::DigestOf("v2"));
}

TEST_F(AdapterManagerTest, ALoadStopsWhenNobodyWaitsForIt) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> first;
  CallbackResult<absl::StatusOr<AdapterInfo>> second;
  const WaitId id =
      manager_.Load({.id = AdapterId("a"), .source = "dir"}, first.Callback());
  const WaitId other =
      manager_.Load({.id = AdapterId("a"), .source = "dir"}, second.Callback());
  manager_.CancelWait(id);
  EXPECT_THAT(first.Await(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Get("a").state, AdapterState::kLoading);
  manager_.CancelWait(other);
  EXPECT_THAT(second.Await(), StatusIs(absl::StatusCode::kCancelled));
  plane_.sync().Release("Read:dir");
  // The next load comes after the end of the cancelled one.
  EXPECT_OK(plane_.Load({.id = AdapterId("a"), .source = "dir"}));
  EXPECT_EQ(plane_.loader().num_reads(), 1);
}

TEST_F(AdapterManagerTest, ACancelDuringTheUploadLeavesNoTrace) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.sync().Hold("Upload:a");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  const WaitId id =
      manager_.Load({.id = AdapterId("a"), .source = "dir"}, load.Callback());
  plane_.sync().AwaitArrivals("Upload:a", 1);
  manager_.CancelWait(id);
  EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kCancelled));
  CallbackResult<absl::StatusOr<UnloadResult>> unload;
  manager_.Unload({.id = AdapterId("a")}, unload.Callback());
  plane_.sync().Release("Upload:a");
  EXPECT_OK(unload.Await());
  EXPECT_EQ(plane_.uploader().live_bytes(), 0);
  EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
}

TEST_F(AdapterManagerTest, ALoadWaitsWhileEverythingIsInUse) {
  plane_.loader().Put("big", {.content = "big", .device_bytes = 100});
  ASSERT_OK(plane_.Load({.id = AdapterId("big"), .source = "big"}));
  ASSERT_OK_AND_ASSIGN(auto leases, plane_.Lease({"big"}));
  ASSERT_OK_AND_ASSIGN(auto handles, plane_.Acquire({leases[0].key()}));
  plane_.loader().Put("b", {.content = "b"});
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("b"), .source = "b"}, load.Callback());
  plane_.sync().AwaitArrivals("Read:b", 1);
  EXPECT_FALSE(load.called());
  handles.clear();
  EXPECT_OK(load.Await());
  EXPECT_EQ(Get("big").tier, AdapterTier::kDisk);
}

TEST_F(AdapterManagerTest, ACancelledLoadStopsWaitingForRoom) {
  plane_.loader().Put("big", {.content = "big", .device_bytes = 100});
  ASSERT_OK(plane_.Load({.id = AdapterId("big"), .source = "big"}));
  ASSERT_OK_AND_ASSIGN(auto leases, plane_.Lease({"big"}));
  ASSERT_OK_AND_ASSIGN(auto handles, plane_.Acquire({leases[0].key()}));
  plane_.loader().Put("b", {.content = "b"});
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  const WaitId id =
      manager_.Load({.id = AdapterId("b"), .source = "b"}, load.Callback());
  plane_.sync().AwaitArrivals("DevicePromoter::OnHostCopy", 2);
  manager_.CancelWait(id);
  EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kCancelled));
  (void)plane_.Unload({.id = AdapterId("b")});  // Waits, if it is still there.
  EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
  EXPECT_THAT(manager_.Get(AdapterId("b")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(AdapterManagerTest, ValidateDescribesTheAdapterAndKeepsNothing) {
  plane_.loader().Put("dir", {.content = "v1", .device_bytes = 16});
  CallbackResult<absl::StatusOr<AdapterInfo>> validated;
  manager_.Validate("dir", {}, validated.Callback());
  ASSERT_OK(validated.Await());
  EXPECT_EQ(validated.Await()->digest, FakeAdapterLoader::DigestOf("v1"));
  EXPECT_EQ(validated.Await()->device_bytes, 16);
  EXPECT_EQ(manager_.List("", 0, "")->adapters.size(), 0);
  EXPECT_EQ(plane_.uploader().num_uploads(), 0);
}

TEST_F(AdapterManagerTest, ValidateFindsWhatLoadWould) {
  plane_.loader().Put("wide", {.content = "v1", .device_bytes = 101});
  CallbackResult<absl::StatusOr<AdapterInfo>> wide;
  manager_.Validate("wide", {}, wide.Callback());
  EXPECT_THAT(wide.Await(), StatusIs(absl::StatusCode::kResourceExhausted,
                                     ErrorReason::kQuota));
  CallbackResult<absl::StatusOr<AdapterInfo>> missing;
  manager_.Validate("nowhere", {}, missing.Callback());
  EXPECT_THAT(missing.Await(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(AdapterManagerTest, AValidationNamesItsSource) {
  plane_.loader().Put("dir", {.content = "v1"});
  CallbackResult<absl::StatusOr<AdapterInfo>> validated;
  manager_.Validate("dir", {}, validated.Callback());
  ASSERT_OK(validated.Await());
  EXPECT_EQ(validated.Await()->source, "dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> missing;
  manager_.Validate("nowhere", {}, missing.Callback());
  EXPECT_THAT(missing.Await(),
              MessageIs(::testing::StartsWith("the adapter in \"nowhere\": ")));
}

TEST_F(AdapterManagerTest, AValidationCanBeCancelled) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> validated;
  const WaitId id = manager_.Validate("dir", {}, validated.Callback());
  plane_.sync().AwaitArrivals("Read:dir", 1);
  manager_.CancelWait(id);
  EXPECT_THAT(validated.Await(), StatusIs(absl::StatusCode::kCancelled));
  plane_.sync().Release("Read:dir");
}

TEST_F(AdapterManagerTest, UpdateChangesOnlyWhatIsSet) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK(plane_.Update(
      {.id = AdapterId("a"), .pinned = true, .labels = {{{"k", "v"}}}}));
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info,
                       plane_.Update({.id = AdapterId("a"), .pinned = false}));
  EXPECT_FALSE(info.pinned);
  EXPECT_EQ(info.labels.at("k"), "v");
  EXPECT_THAT(plane_.Update({.id = AdapterId("b")}),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapter));
}

TEST_F(AdapterManagerTest, PinnedAdaptersAreNotEvicted) {
  ASSERT_OK(plane_.LoadContent("pinned", "v1"));
  ASSERT_OK(plane_.Update({.id = AdapterId("pinned"), .pinned = true}));
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(plane_.LoadContent("a" + std::to_string(i), "v1"));
  }
  EXPECT_EQ(Get("pinned").tier, AdapterTier::kDevice);
  EXPECT_EQ(Get("a0").tier, AdapterTier::kDisk);
}

TEST_F(AdapterManagerTest, MorePinsThanTheDeviceHoldsAreRefused) {
  plane_.loader().Put("big", {.content = "big", .device_bytes = 60});
  ASSERT_OK(
      plane_.Load({.id = AdapterId("a"), .source = "big", .pinned = true}));
  EXPECT_THAT(
      plane_.Load({.id = AdapterId("b"), .source = "big", .pinned = true}),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  EXPECT_THAT(manager_.Get(AdapterId("b")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(AdapterManagerTest, ListPagesInOrderOfIds) {
  for (const std::string id : {"b", "c", "a"}) {
    ASSERT_OK(plane_.LoadContent(id, "v1"));
  }
  ASSERT_OK_AND_ASSIGN(const AdapterPage first, manager_.List("", 2, ""));
  ASSERT_EQ(first.adapters.size(), 2);
  EXPECT_EQ(first.adapters[0].id, AdapterId("a"));
  EXPECT_EQ(first.adapters[1].id, AdapterId("b"));
  ASSERT_OK_AND_ASSIGN(const AdapterPage second,
                       manager_.List("", 2, first.next_page_token));
  ASSERT_EQ(second.adapters.size(), 1);
  EXPECT_EQ(second.adapters[0].id, AdapterId("c"));
  EXPECT_EQ(second.next_page_token, "");
}

TEST_F(AdapterManagerTest, ListShowsWhatTheFilterAccepts) {
  ASSERT_OK(plane_.LoadContent("sql-1", "v1"));
  ASSERT_OK(plane_.LoadContent("sql-2", "v1"));
  ASSERT_OK(plane_.LoadContent("chat", "v1"));
  ASSERT_OK(plane_.Update({.id = AdapterId("sql-2"), .pinned = true}));
  ASSERT_OK_AND_ASSIGN(const AdapterPage page,
                       manager_.List("id=sql-* AND pinned=true", 0, ""));
  ASSERT_EQ(page.adapters.size(), 1);
  EXPECT_EQ(page.adapters[0].id, AdapterId("sql-2"));
  EXPECT_THAT(
      manager_.List("colour=red", 0, ""),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam));
  EXPECT_THAT(
      manager_.List("", -1, ""),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam));
}

TEST_F(AdapterManagerTest, AWatcherHearsTheSnapshotThenEveryChange) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  std::vector<std::string> heard;
  CallbackResult<bool> removed;
  const WaitId id =
      manager_.Watch([&, done = removed.Callback()](const AdapterEvent& event) {
        heard.push_back(event.adapter.id.value() + ":" +
                        std::string(AdapterStateName(event.adapter.state)));
        if (event.type == AdapterEvent::Type::kRemoved) done(true);
      });
  ASSERT_OK(plane_.LoadContent("b", "v1"));
  ASSERT_OK(plane_.Unload({.id = AdapterId("b")}));
  removed.Await();
  manager_.Unwatch(id);
  ASSERT_GE(heard.size(), 4);
  EXPECT_EQ(heard[0], "a:READY");
  EXPECT_EQ(heard[1], "b:LOADING");
  EXPECT_NE(std::find(heard.begin(), heard.end(), "b:READY"), heard.end());
  EXPECT_EQ(heard.back(), "b:DRAINING");
}

TEST_F(AdapterManagerTest, StatsCountAdaptersByState) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK(plane_.LoadContent("b", "v1"));
  ASSERT_OK_AND_ASSIGN(auto leases, plane_.Lease({"a", "b"}));
  const AdapterStats stats = manager_.Stats();
  EXPECT_EQ(stats.num_ready, 2);
  EXPECT_EQ(stats.num_leases, 2);
  EXPECT_EQ(stats.num_loads, 2);
  EXPECT_EQ(stats.device.capacity_bytes, 100);
  EXPECT_EQ(stats.device.used_bytes, 20);
}

}  // namespace
}  // namespace lora
