// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/adapter/adapter_manager.h"
#include "tests/fakes/fake_dependent.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using Leases = std::vector<AdapterLease>;

class AdapterManagerReplaceTest : public ::testing::Test {
 protected:
  AdapterManagerReplaceTest() { manager_.AddDependent(&engine_); }
  ~AdapterManagerReplaceTest() override {
    EXPECT_OK(manager_.CheckIntegrity());
  }

  // Loads something that needs all room but `kept` bytes, so that what is not
  // pinned is evicted.
  void EvictAllBut(int32_t kept) {
    plane_.loader().Put("big", {.content = "big", .device_bytes = 100 - kept});
    ASSERT_OK(plane_.Load({.id = AdapterId("big"), .source = "big"}));
  }
  static AdapterKey Key(const std::string& content) {
    return KeyOf("a", content);
  }
  static AdapterKey KeyOf(const std::string& id, const std::string& content) {
    return {AdapterId(id), FakeAdapterLoader::DigestOf(content)};
  }
  // Asks for `other`, then to replace "a" by 40 bytes of "v2", and returns when
  // both wait for room on the device.
  void WaitForRoomBoth(const AdapterKey& other,
                       CallbackResult<absl::Status>& resident,
                       CallbackResult<absl::StatusOr<AdapterInfo>>& replaced) {
    int64_t waiting = plane_.sync().Arrivals("DevicePromoter::OnHostCopy");
    manager_.residency().EnsureResident({&other, 1}, resident.Callback());
    plane_.sync().AwaitArrivals("DevicePromoter::OnHostCopy", ++waiting);
    plane_.loader().Put("a", {.content = "v2", .device_bytes = 40});
    manager_.Load({.id = AdapterId("a"), .source = "a", .replace = true},
                  replaced.Callback());
    plane_.sync().AwaitArrivals("DevicePromoter::OnHostCopy", ++waiting);
  }

  FakeDependent engine_;  // Outlives the manager, which calls it to the end.
  TestPlane plane_;
  AdapterManager& manager_ = plane_.manager();
};

TEST_F(AdapterManagerReplaceTest, NewRequestsTakeTheNewVersionOldOnesFinish) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases old_leases, plane_.Lease({"a"}));
  ASSERT_OK(plane_.LoadContent("a", "v2"));
  ASSERT_OK_AND_ASSIGN(Leases new_leases, plane_.Lease({"a"}));
  EXPECT_EQ(old_leases[0].key(), Key("v1"));
  EXPECT_EQ(new_leases[0].key(), Key("v2"));
  EXPECT_EQ(manager_.Get(AdapterId("a"))->inflight_requests, 2);
  EXPECT_OK(plane_.Acquire({Key("v1")}));
  EXPECT_OK(plane_.Acquire({Key("v2")}));
}

TEST_F(AdapterManagerReplaceTest, TheOldVersionServesUntilTheNewOneIsReady) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.loader().Put("two", {.content = "v2"});
  plane_.sync().Hold("Upload:a");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("a"), .source = "two", .replace = true},
                load.Callback());
  plane_.sync().AwaitArrivals("Upload:a", 2);
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info, manager_.Get(AdapterId("a")));
  EXPECT_EQ(info.state, AdapterState::kReady);
  EXPECT_EQ(info.digest, Key("v1").digest);
  ASSERT_TRUE(info.pending.has_value());
  EXPECT_EQ(info.pending->digest, Key("v2").digest);
  EXPECT_EQ(info.pending->progress, 0.5);
  {
    ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
    EXPECT_EQ(leases[0].key(), Key("v1"));
  }
  plane_.sync().Release("Upload:a");
  ASSERT_OK(load.Await());
  EXPECT_EQ(load.Await()->digest, Key("v2").digest);
}

TEST_F(AdapterManagerReplaceTest, AReplacedVersionNobodyUsesIsGivenBack) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK(plane_.LoadContent("a", "v2"));
  ASSERT_OK_AND_ASSIGN(const UnloadResult result,
                       plane_.Unload({.id = AdapterId("a")}));
  EXPECT_EQ(result.freed_device_bytes, 10);
  EXPECT_EQ(plane_.uploader().live_bytes(), 0);
}

TEST_F(AdapterManagerReplaceTest, TheLastLeaseGivesTheOldVersionBack) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  ASSERT_OK(plane_.LoadContent("a", "v2"));
  EXPECT_EQ(plane_.uploader().live_bytes(), 20);
  leases.clear();
  // An unload also waits for what replaced versions hold.
  ASSERT_OK(plane_.Unload({.id = AdapterId("a")}));
  EXPECT_EQ(plane_.uploader().live_bytes(), 0);
  EXPECT_EQ(manager_.Stats().device.used_bytes, 0);
}

TEST_F(AdapterManagerReplaceTest, ALeasedOldVersionSurvivesItsFiles) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
  ASSERT_OK(plane_.LoadContent("a", "v2"));  // Overwrites the files.
  EvictAllBut(10);
  ASSERT_OK_AND_ASSIGN(const auto handles, plane_.Acquire({Key("v1")}));
  EXPECT_EQ(static_cast<const FakeDeviceAdapter&>(*handles[0]).key(),
            Key("v1"));
}

TEST_F(AdapterManagerReplaceTest, ALeasedOldVersionOnDiskIsReadBeforeItIsLate) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
  EvictAllBut(0);
  ASSERT_EQ(manager_.Get(AdapterId("a"))->tier, AdapterTier::kDisk);
  plane_.loader().Put("two", {.content = "v2"});
  ASSERT_OK(
      plane_.Load({.id = AdapterId("a"), .source = "two", .replace = true}));
  plane_.sync().AwaitArrivals("Read:a", 2);
  ASSERT_OK(plane_.Acquire({Key("v1")}));
}

TEST_F(AdapterManagerReplaceTest,
       ALeasedOldVersionIsNotEvictedForItsSuccessor) {
  plane_.loader().Put("a", {.content = "v1", .device_bytes = 40});
  plane_.loader().Put("e", {.content = "e", .device_bytes = 30});
  ASSERT_OK(plane_.Load({.id = AdapterId("a"), .source = "a"}));
  ASSERT_OK(plane_.Load({.id = AdapterId("e"), .source = "e"}));
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
  plane_.loader().Put("a", {.content = "v2", .device_bytes = 40});
  ASSERT_OK(
      plane_.Load({.id = AdapterId("a"), .source = "a", .replace = true}));
  EXPECT_EQ(manager_.Get(AdapterId("e"))->tier, AdapterTier::kDisk);
  EXPECT_OK(plane_.Acquire({Key("v1")}));
}

TEST_F(AdapterManagerReplaceTest, AFailedReplaceLetsGoOfTheOldVersion) {
  plane_.loader().Put("a", {.content = "v1", .device_bytes = 40});
  ASSERT_OK(plane_.Load({.id = AdapterId("a"), .source = "a"}));
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
  plane_.uploader().SetStatus(absl::InternalError("broken"));
  plane_.loader().Put("two", {.content = "v2", .device_bytes = 40});
  ASSERT_FALSE(
      plane_.Load({.id = AdapterId("a"), .source = "two", .replace = true})
          .ok());
  plane_.uploader().SetStatus(absl::OkStatus());
  EvictAllBut(0);
  EXPECT_NE(manager_.Get(AdapterId("a"))->tier, AdapterTier::kDevice);
}

TEST_F(AdapterManagerReplaceTest, ALeaseTakenDuringTheLoadKeepsTheOldVersion) {
  plane_.loader().Put("c", {.content = "c", .device_bytes = 50});
  plane_.loader().Put("a", {.content = "v1", .device_bytes = 40});
  plane_.loader().Put("x", {.content = "x", .device_bytes = 60});
  for (const std::string id : {"c", "a", "x"}) {
    ASSERT_OK(plane_.Load({.id = AdapterId(id), .source = id}));
  }
  ASSERT_OK_AND_ASSIGN(auto in_use, plane_.Acquire({KeyOf("x", "x")}));
  const AdapterKey c = KeyOf("c", "c");
  CallbackResult<absl::Status> other;
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  WaitForRoomBoth(c, other, load);
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
  EXPECT_EQ(leases[0].key(), Key("v1"));
  in_use.clear();
  ASSERT_OK(other.Await());  // At the cost of `x`, though `a` is older.
  ASSERT_OK(manager_.residency().TryAcquireAll({&c, 1}));
  ASSERT_OK(load.Await());
  EXPECT_OK(plane_.Acquire({Key("v1")}));
}

TEST_F(AdapterManagerReplaceTest, AReplaceOfAPinnedAdapterFailsNobodyElse) {
  plane_.loader().Put("a", {.content = "v1", .device_bytes = 40});
  plane_.loader().Put("c", {.content = "c", .device_bytes = 50});
  plane_.loader().Put("x", {.content = "x", .device_bytes = 30});
  ASSERT_OK(plane_.Load({.id = AdapterId("c"), .source = "c"}));
  ASSERT_OK(plane_.Load({.id = AdapterId("a"), .source = "a", .pinned = true}));
  ASSERT_OK(plane_.Load({.id = AdapterId("x"), .source = "x"}));
  ASSERT_EQ(manager_.Get(AdapterId("c"))->tier, AdapterTier::kDisk);
  ASSERT_OK_AND_ASSIGN(auto in_use, plane_.Acquire({KeyOf("x", "x")}));
  const AdapterKey c = KeyOf("c", "c");
  CallbackResult<absl::Status> first;
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  WaitForRoomBoth(c, first, load);
  EXPECT_OK(manager_.CheckIntegrity());
  CallbackResult<absl::Status> second;
  manager_.residency().EnsureResident({&c, 1}, second.Callback());
  EXPECT_FALSE(load.called());
  in_use.clear();
  EXPECT_OK(first.Await());
  EXPECT_OK(second.Await());
  // It makes room for the new version.
  EXPECT_OK(manager_.residency().TryAcquireAll({&c, 1}));
  EXPECT_OK(load.Await());
  EXPECT_EQ(manager_.Get(AdapterId("a"))->tier, AdapterTier::kDevice);
}

TEST_F(AdapterManagerReplaceTest, GoingBackToAVersionInUseTakesItUpAgain) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
  ASSERT_OK(plane_.LoadContent("a", "v2"));
  const int64_t num_uploads = plane_.uploader().num_uploads();
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  EXPECT_EQ(plane_.uploader().num_uploads(), num_uploads);
  EXPECT_EQ(manager_.Get(AdapterId("a"))->digest, Key("v1").digest);
  EXPECT_EQ(manager_.Get(AdapterId("a"))->inflight_requests, 1);
}

TEST_F(AdapterManagerReplaceTest, APinMovesToTheNewVersion) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK(plane_.Update({.id = AdapterId("a"), .pinned = true}));
  ASSERT_OK(plane_.LoadContent("a", "v2"));
  EvictAllBut(10);
  EXPECT_EQ(manager_.Get(AdapterId("a"))->tier, AdapterTier::kDevice);
  EXPECT_EQ(manager_.residency().TierOf(Key("v1")), AdapterTier::kDisk);
}

TEST_F(AdapterManagerReplaceTest, ForceUnloadEndsUsersOfEveryVersion) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases old_leases, plane_.Lease({"a"}));
  ASSERT_OK(plane_.LoadContent("a", "v2"));
  ASSERT_OK_AND_ASSIGN(Leases new_leases, plane_.Lease({"a"}));
  engine_.AddUser(std::move(old_leases[0]));
  engine_.AddUser(std::move(new_leases[0]));
  ASSERT_OK_AND_ASSIGN(const UnloadResult result,
                       plane_.Unload({.id = AdapterId("a"),
                                      .drain_timeout = absl::ZeroDuration(),
                                      .force = true}));
  EXPECT_EQ(result.cancelled_requests, 2);
  EXPECT_EQ(plane_.uploader().live_bytes(), 0);
}

TEST_F(AdapterManagerReplaceTest, CopiesOfTheOldVersionAreReleased) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  engine_.AddCopy(Key("v1"), 5);
  ASSERT_OK(plane_.LoadContent("a", "v2"));
  ASSERT_OK(plane_.Unload({.id = AdapterId("a")}));
  EXPECT_EQ(engine_.ReleaseCopies(Key("v1")), 0);
}

TEST_F(AdapterManagerReplaceTest, AnAbandonedWayBackReleasesCopiesToo) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  engine_.AddCopy(Key("v1"), 5);
  plane_.loader().Put("two", {.content = "v2"});
  ASSERT_OK(
      plane_.Load({.id = AdapterId("a"), .source = "two", .replace = true}));
  plane_.sync().Hold("AdapterManager::OnPromoted");
  const int64_t arrivals = plane_.sync().Arrivals("AdapterManager::OnPromoted");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  const WaitId id = manager_.Load(
      {.id = AdapterId("a"), .source = "a", .replace = true}, load.Callback());
  plane_.sync().AwaitArrivals("AdapterManager::OnPromoted", arrivals + 1);
  leases.clear();
  manager_.CancelWait(id);
  plane_.sync().Release("AdapterManager::OnPromoted");
  ASSERT_FALSE(load.Await().ok());
  ASSERT_OK(plane_.Unload({.id = AdapterId("a")}));
  EXPECT_EQ(engine_.ReleaseCopies(Key("v1")), 0);
}

TEST_F(AdapterManagerReplaceTest, DamagedFilesAreDataLossOnReload) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  EvictAllBut(0);
  plane_.loader().Put(
      "a", {.content = "v1",
            .status = Error(absl::StatusCode::kInvalidArgument,
                            ErrorReason::kStLength, "is 7 bytes short")});
  EXPECT_THAT(plane_.Acquire({Key("v1")}),
              StatusIs(absl::StatusCode::kDataLoss, ErrorReason::kStLength));
  plane_.loader().Delete("a");
  EXPECT_THAT(
      plane_.Acquire({Key("v1")}),
      StatusIs(absl::StatusCode::kDataLoss, ErrorReason::kAdapterFilesMissing));
  // A moment's trouble is no loss.
  plane_.loader().Put(
      "a", {.content = "v1", .status = absl::UnavailableError("busy disk")});
  EXPECT_THAT(plane_.Acquire({Key("v1")}),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(AdapterManagerReplaceTest, FilesThatChangedAreDataLossOnReload) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  EvictAllBut(0);
  plane_.loader().Put("a", {.content = "v2"});
  EXPECT_THAT(
      plane_.Acquire({Key("v1")}),
      StatusIs(absl::StatusCode::kDataLoss, ErrorReason::kDigestMismatch));
  EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
}

}  // namespace
}  // namespace lora
