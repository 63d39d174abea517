// SPDX-License-Identifier: Apache-2.0
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

using Leases = std::vector<AdapterLease>;

using AdapterManagerLeaseTest = AdapterManagerFixture;

TEST_F(AdapterManagerLeaseTest, ALeaseNamesTheServingVersionAndIsCounted) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  EXPECT_EQ(leases[0].key(),
            (AdapterKey{AdapterId("a"), FakeAdapterLoader::DigestOf("v1")}));
  EXPECT_EQ(Get("a").inflight_requests, 1);
  EXPECT_EQ(Get("a").requests_total, 1);
  EXPECT_EQ(Get("a").last_used_time, plane_.clock().Now());
  leases.clear();
  EXPECT_EQ(Get("a").inflight_requests, 0);
  EXPECT_EQ(Get("a").requests_total, 1);
}

TEST_F(AdapterManagerLeaseTest, MovingALeaseCountsItOnce) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK(plane_.LoadContent("b", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a", "b"}));
  AdapterLease lease = std::move(leases[0]);
  EXPECT_FALSE(leases[0]);
  EXPECT_EQ(Get("a").inflight_requests, 1);
  lease = std::move(leases[1]);
  EXPECT_EQ(Get("a").inflight_requests, 0);
  EXPECT_EQ(Get("b").inflight_requests, 1);
}

TEST_F(AdapterManagerLeaseTest, NoAdaptersNeedNoLease) {
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({}));
  EXPECT_TRUE(leases.empty());
}

TEST_F(AdapterManagerLeaseTest, LeasesAreAllOrNone) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  EXPECT_THAT(plane_.Lease({"a", "missing"}),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapter));
  EXPECT_EQ(Get("a").inflight_requests, 0);
  EXPECT_EQ(Get("a").requests_total, 0);
}

TEST_F(AdapterManagerLeaseTest, AnIdNamedTwiceIsRefused) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  EXPECT_THAT(
      plane_.Lease({"a", "a"}),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights));
}

TEST_F(AdapterManagerLeaseTest, ARequestWaitsForAnAdapterThatIsLoading) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("a"), .source = "dir"}, load.Callback());
  CallbackResult<absl::StatusOr<Leases>> leases;
  manager_.AcquireLeases({AdapterId("a")}, leases.Callback());
  plane_.sync().AwaitArrivals("Read:dir", 1);
  EXPECT_FALSE(leases.called());
  plane_.sync().Release("Read:dir");
  ASSERT_OK(leases.Await());
  EXPECT_EQ(leases.Await()->size(), 1);
  EXPECT_EQ(plane_.loader().num_reads(), 1);
}

TEST_F(AdapterManagerLeaseTest, ARequestKeepsALoadAliveThatItWaitsFor) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  const WaitId id =
      manager_.Load({.id = AdapterId("a"), .source = "dir"}, load.Callback());
  CallbackResult<absl::StatusOr<Leases>> leases;
  manager_.AcquireLeases({AdapterId("a")}, leases.Callback());
  manager_.CancelWait(id);
  plane_.sync().Release("Read:dir");
  EXPECT_OK(leases.Await());
}

TEST_F(AdapterManagerLeaseTest, ARequestHearsWhyTheLoadItWaitedForFailed) {
  plane_.loader().Put(
      "dir",
      {.content = "v1",
       .status = Error(absl::StatusCode::kInvalidArgument, ErrorReason::kRank,
                       "r is 0, expected 1 or more")});
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("a"), .source = "dir"}, load.Callback());
  CallbackResult<absl::StatusOr<Leases>> leases;
  manager_.AcquireLeases({AdapterId("a")}, leases.Callback());
  plane_.sync().Release("Read:dir");
  EXPECT_THAT(leases.Await(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       ErrorReason::kState));
  EXPECT_THAT(leases.Await(), MessageIs(::testing::HasSubstr("r is 0")));
}

TEST_F(AdapterManagerLeaseTest, ALeaseWaitCanBeCancelled) {
  plane_.loader().Put("dir", {.content = "v1"});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<Leases>> leases;
  const WaitId id = manager_.AcquireLeases({AdapterId("a")}, leases.Callback());
  plane_.sync().AwaitArrivals("Read:dir", 1);
  manager_.CancelWait(id);
  EXPECT_THAT(leases.Await(), StatusIs(absl::StatusCode::kCancelled));
  plane_.sync().Release("Read:dir");
  EXPECT_OK(plane_.Lease({"a"}));  // The next request loads it.
}

TEST_F(AdapterManagerLeaseTest, ADeclaredAdapterIsLoadedByItsFirstRequest) {
  plane_.loader().Put("dir", {.content = "v1"});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  EXPECT_EQ(Get("a").state, AdapterState::kReady);
  EXPECT_EQ(Get("a").tier, AdapterTier::kDisk);
  EXPECT_EQ(Get("a").digest, "");
  EXPECT_EQ(plane_.loader().num_reads(), 0);
  ASSERT_OK(plane_.Lease({"a"}));
  EXPECT_EQ(Get("a").tier, AdapterTier::kDevice);
  EXPECT_EQ(Get("a").digest, FakeAdapterLoader::DigestOf("v1"));
}

TEST_F(AdapterManagerLeaseTest, SeveralDeclaredAdaptersAreLoadedForOneRequest) {
  plane_.loader().Put("x", {.content = "x"});
  plane_.loader().Put("y", {.content = "y"});
  ASSERT_OK(manager_.Register({.id = AdapterId("x"), .source = "x"}));
  ASSERT_OK(manager_.Register({.id = AdapterId("y"), .source = "y"}));
  ASSERT_OK(plane_.LoadContent("z", "z"));
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"y", "z", "x"}));
  EXPECT_EQ(leases[0].key().id, AdapterId("y"));
  EXPECT_EQ(leases[1].key().id, AdapterId("z"));
  EXPECT_EQ(leases[2].key().id, AdapterId("x"));
}

TEST_F(AdapterManagerLeaseTest, ADeclaredAdapterThatCannotBeReadFails) {
  plane_.loader().Put("dir", {.content = "v1",
                              .status = Error(absl::StatusCode::kUnimplemented,
                                              ErrorReason::kPeftType, "LOHA")});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  EXPECT_THAT(
      plane_.Lease({"a"}),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kState));
  EXPECT_EQ(Get("a").state, AdapterState::kFailed);
  EXPECT_THAT(Get("a").error, StatusIs(absl::StatusCode::kUnimplemented,
                                       ErrorReason::kPeftType));
  EXPECT_THAT(
      plane_.Lease({"a"}),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kState));
  // Mended, it can be loaded.
  EXPECT_OK(plane_.LoadContent("a", "v2"));
  EXPECT_OK(plane_.Lease({"a"}));
}

TEST_F(AdapterManagerLeaseTest, AFailedLoadLeavesADeclaredAdapterAsItWas) {
  plane_.loader().Put("dir", {.content = "v1"});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  EXPECT_THAT(plane_.Load({.id = AdapterId("a"),
                           .source = "dir",
                           .sha256 = std::string(64, '0')}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ErrorReason::kDigestMismatch));
  EXPECT_THAT(
      plane_.Load(
          {.id = AdapterId("a"), .source = "elsewhere", .replace = true}),
      StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Get("a").state, AdapterState::kReady);
  EXPECT_EQ(Get("a").source, "dir");
  EXPECT_OK(Get("a").error);
  EXPECT_OK(plane_.Lease({"a"}));
}

TEST_F(AdapterManagerLeaseTest, AFailedLoadLeavesAFailedAdapterItsError) {
  plane_.loader().Put("dir", {.content = "v1",
                              .status = Error(absl::StatusCode::kUnimplemented,
                                              ErrorReason::kPeftType, "LOHA")});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  ASSERT_FALSE(plane_.Lease({"a"}).ok());
  plane_.loader().Put(
      "busy", {.content = "v2", .status = absl::UnavailableError("busy disk")});
  EXPECT_THAT(plane_.Load({.id = AdapterId("a"), .source = "busy"}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Get("a").state, AdapterState::kFailed);
  EXPECT_THAT(Get("a").error, StatusIs(absl::StatusCode::kUnimplemented,
                                       ErrorReason::kPeftType));
}

TEST_F(AdapterManagerLeaseTest, ARequestOutlivesTheFailedLoadItWaitedFor) {
  plane_.loader().Put("dir", {.content = "v1"});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load(
      {.id = AdapterId("a"), .source = "dir", .sha256 = std::string(64, '0')},
      load.Callback());
  CallbackResult<absl::StatusOr<Leases>> leases;
  manager_.AcquireLeases({AdapterId("a")}, leases.Callback());
  plane_.sync().Release("Read:dir");
  EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     ErrorReason::kDigestMismatch));
  EXPECT_OK(leases.Await());  // The declared one is loaded for it.
}

TEST_F(AdapterManagerLeaseTest, EveryRequestHearsOfOneFailedLoad) {
  plane_.loader().Put(
      "dir", {.content = "v1", .status = absl::UnavailableError("busy disk")});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  plane_.sync().Hold("Read:dir");
  std::vector<CallbackResult<absl::StatusOr<Leases>>> requests(3);
  for (auto& request : requests) {
    manager_.AcquireLeases({AdapterId("a")}, request.Callback());
  }
  plane_.sync().Release("Read:dir");
  for (auto& request : requests) {
    EXPECT_THAT(request.Await(), StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_EQ(plane_.loader().num_reads(), 1);
}

TEST_F(AdapterManagerLeaseTest, EveryRequestHearsWhyANewAdapterFailed) {
  plane_.loader().Put(
      "dir", {.content = "v1",
              .status = Error(absl::StatusCode::kInvalidArgument,
                              ErrorReason::kRank, "r is 0, expected 1")});
  plane_.sync().Hold("Read:dir");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("a"), .source = "dir"}, load.Callback());
  std::vector<CallbackResult<absl::StatusOr<Leases>>> requests(3);
  for (auto& request : requests) {
    manager_.AcquireLeases({AdapterId("a")}, request.Callback());
  }
  plane_.sync().Release("Read:dir");
  EXPECT_FALSE(load.Await().ok());
  for (auto& request : requests) {
    EXPECT_THAT(request.Await(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          ErrorReason::kState));
  }
}

TEST_F(AdapterManagerLeaseTest,
       ADeclaredAdapterThatFailsForAMomentIsTriedAgain) {
  plane_.loader().Put(
      "dir", {.content = "v1", .status = absl::UnavailableError("busy disk")});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  EXPECT_THAT(plane_.Lease({"a"}), StatusIs(absl::StatusCode::kUnavailable));
  plane_.loader().Put("dir", {.content = "v1"});
  EXPECT_OK(plane_.Lease({"a"}));
}

TEST_F(AdapterManagerLeaseTest, AMissingSourceCannotBeDeclared) {
  EXPECT_THAT(
      manager_.Register({.id = AdapterId("a"), .source = "nowhere"}),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing));
}

TEST_F(AdapterManagerLeaseTest, ADeclaredPinnedAdapterIsLoadedAtOnce) {
  plane_.loader().Put("dir", {.content = "v1"});
  ASSERT_OK(manager_.Register(
      {.id = AdapterId("a"), .source = "dir", .pinned = true}));
  plane_.sync().AwaitArrivals("Upload:a", 1);
  ASSERT_OK(plane_.Lease({"a"}));  // Waits for that load.
  EXPECT_EQ(plane_.loader().num_reads(), 1);
  EXPECT_EQ(manager_.Stats().device.pinned_bytes, 10);
}

TEST_F(AdapterManagerLeaseTest, ALeasedAdapterComesBackOnDemand) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
  plane_.loader().Put("big", {.content = "big", .device_bytes = 100});
  ASSERT_OK(plane_.Load({.id = AdapterId("big"), .source = "big"}));
  EXPECT_EQ(Get("a").tier, AdapterTier::kDisk);
  ASSERT_OK_AND_ASSIGN(const auto handles, plane_.Acquire({leases[0].key()}));
  EXPECT_EQ(static_cast<const FakeDeviceAdapter&>(*handles[0]).key(),
            leases[0].key());
}

}  // namespace
}  // namespace lora
