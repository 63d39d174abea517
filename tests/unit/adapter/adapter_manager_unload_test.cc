// SPDX-License-Identifier: Apache-2.0
#include <memory>
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
using UnloadOutcome = absl::StatusOr<UnloadResult>;

class AdapterManagerUnloadTest : public ::testing::Test {
 protected:
  AdapterManagerUnloadTest() { manager_.AddDependent(&engine_); }
  ~AdapterManagerUnloadTest() override { EXPECT_OK(manager_.CheckIntegrity()); }

  AdapterState State(const std::string& id) {
    absl::StatusOr<AdapterInfo> info = manager_.Get(AdapterId(id));
    EXPECT_OK(info);
    return info.value_or(AdapterInfo()).state;
  }
  void ExpectNothingIsLeft() {
    EXPECT_THAT(manager_.Get(AdapterId("a")),
                StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
    EXPECT_EQ(manager_.Stats().device.used_bytes, 0);
    EXPECT_EQ(plane_.uploader().live_bytes(), 0);
  }

  TestPlane plane_;
  AdapterManager& manager_ = plane_.manager();
  FakeDependent engine_{&plane_.sync()};
};

TEST_F(AdapterManagerUnloadTest, AnUnloadGivesTheMemoryBackAndSaysHowMuch) {
  plane_.loader().Put("dir",
                      {.content = "v1", .host_bytes = 30, .device_bytes = 20});
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info,
                       plane_.Load({.id = AdapterId("a"),
                                    .source = "dir",
                                    .pinned = true,
                                    .warm_tier = WarmTier::kHost}));
  engine_.AddCopy({info.id, info.digest}, 7);
  ASSERT_OK_AND_ASSIGN(const UnloadResult result,
                       plane_.Unload({.id = AdapterId("a")}));
  EXPECT_EQ(result.freed_host_bytes, 30);
  EXPECT_EQ(result.freed_device_bytes, 20);
  EXPECT_EQ(result.freed_merged_bytes, 7);
  EXPECT_EQ(result.cancelled_requests, 0);
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, AnUnloadGivesPagesBackToTheSystem) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK(plane_.Unload({.id = AdapterId("a")}));
  plane_.sync().AwaitArrivals("AdapterStore::TrimMemory", 1);
}

TEST_F(AdapterManagerUnloadTest, AnUnknownAdapterIsNotFound) {
  EXPECT_THAT(plane_.Unload({.id = AdapterId("a")}),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapter));
}

TEST_F(AdapterManagerUnloadTest, LeasedRequestsFinishAndNewOnesAreRefused) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  CallbackResult<UnloadOutcome> unload;
  manager_.Unload({.id = AdapterId("a")}, unload.Callback());
  EXPECT_EQ(State("a"), AdapterState::kDraining);
  EXPECT_THAT(
      plane_.Lease({"a"}),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kState));
  EXPECT_THAT(
      plane_.Load({.id = AdapterId("a"), .source = "a"}),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kState));
  EXPECT_THAT(
      plane_.Unload({.id = AdapterId("a")}),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kState));
  // The leased request can still run.
  EXPECT_OK(plane_.Acquire({leases[0].key()}));
  EXPECT_FALSE(unload.called());
  leases.clear();
  ASSERT_OK(unload.Await());
  EXPECT_EQ(unload.Await()->freed_device_bytes, 10);
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, MemoryIsReportedOnlyAfterTheLastPin) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  ASSERT_OK_AND_ASSIGN(auto handles, plane_.Acquire({leases[0].key()}));
  CallbackResult<UnloadOutcome> unload;
  manager_.Unload({.id = AdapterId("a")}, unload.Callback());
  leases.clear();
  EXPECT_EQ(plane_.uploader().live_bytes(), 10);
  EXPECT_FALSE(unload.called());
  handles.clear();
  ASSERT_OK(unload.Await());
  EXPECT_EQ(unload.Await()->freed_device_bytes, 10);
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, ACopyMadeDuringTheUnloadIsReleasedToo) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  const AdapterKey key{AdapterId("a"), FakeAdapterLoader::DigestOf("v1")};
  // A merge that a request asked for: it holds a pin, but no lease.
  ASSERT_OK_AND_ASSIGN(auto handles, plane_.Acquire({key}));
  engine_.AddCopy(key, 3);
  CallbackResult<UnloadOutcome> unload;
  manager_.Unload({.id = AdapterId("a")}, unload.Callback());
  plane_.sync().AwaitArrivals("ReleaseCopies", 1);
  engine_.AddCopy(key, 4);
  handles.clear();
  ASSERT_OK(unload.Await());
  EXPECT_EQ(unload.Await()->freed_merged_bytes, 7);
  EXPECT_EQ(engine_.ReleaseCopies(key), 0);
}

TEST_F(AdapterManagerUnloadTest, ReplacedVersionsCountInTheAnswer) {
  plane_.loader().Put("one",
                      {.content = "v1", .host_bytes = 30, .device_bytes = 20});
  ASSERT_OK_AND_ASSIGN(const AdapterInfo one,
                       plane_.Load({.id = AdapterId("a"),
                                    .source = "one",
                                    .warm_tier = WarmTier::kHost}));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  plane_.loader().Put("two",
                      {.content = "v2", .host_bytes = 50, .device_bytes = 40});
  ASSERT_OK(
      plane_.Load({.id = AdapterId("a"), .source = "two", .replace = true}));
  engine_.AddCopy({one.id, one.digest}, 7);
  CallbackResult<UnloadOutcome> unload;
  manager_.Unload({.id = AdapterId("a")}, unload.Callback());
  leases.clear();
  ASSERT_OK(unload.Await());
  EXPECT_EQ(unload.Await()->freed_device_bytes, 60);
  EXPECT_EQ(unload.Await()->freed_host_bytes, 80);
  EXPECT_EQ(unload.Await()->freed_merged_bytes, 7);
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, ADrainThatTakesTooLongGivesUp) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(const Leases leases, plane_.Lease({"a"}));
  CallbackResult<UnloadOutcome> unload;
  manager_.Unload({.id = AdapterId("a"), .drain_timeout = absl::Seconds(5)},
                  unload.Callback());
  plane_.clock().Advance(absl::Seconds(4));
  EXPECT_EQ(State("a"), AdapterState::kDraining);
  plane_.clock().Advance(absl::Seconds(1));
  EXPECT_THAT(unload.Await(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                       ErrorReason::kInUse));
  EXPECT_EQ(State("a"), AdapterState::kReady);
  EXPECT_OK(plane_.Lease({"a"}));
}

TEST_F(AdapterManagerUnloadTest, SlowFilesOfOthersDelayNoUnload) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  plane_.sync().Hold("Read:slow");
  plane_.loader().Put("slow", {.content = "slow"});
  std::vector<CallbackResult<absl::StatusOr<AdapterInfo>>> loads(3);
  for (size_t i = 0; i < loads.size(); ++i) {
    // The last one comes when both threads for loads are busy.
    if (i == 2) plane_.sync().AwaitArrivals("Read:slow", 2);
    manager_.Load({.id = AdapterId(std::to_string(i)), .source = "slow"},
                  loads[i].Callback());
  }
  EXPECT_THAT(plane_.Unload({.id = AdapterId("a"),
                             .drain_timeout = absl::ZeroDuration()}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  leases.clear();
  EXPECT_OK(plane_.Unload({.id = AdapterId("a")}));
  // Its load still waits for a thread.
  EXPECT_OK(plane_.Unload({.id = AdapterId("2")}));
  EXPECT_THAT(loads[2].Await(), StatusIs(absl::StatusCode::kAborted));
  plane_.sync().Release("Read:slow");
  EXPECT_OK(loads[0].Await());
  EXPECT_OK(loads[1].Await());
}

TEST_F(AdapterManagerUnloadTest, ForceEndsWhatIsLeftWhenTheTimeIsUp) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases first, plane_.Lease({"a"}));
  ASSERT_OK_AND_ASSIGN(Leases second, plane_.Lease({"a"}));
  engine_.AddUser(std::move(first[0]));
  engine_.AddUser(std::move(second[0]));
  CallbackResult<UnloadOutcome> unload;
  manager_.Unload(
      {.id = AdapterId("a"), .drain_timeout = absl::Seconds(5), .force = true},
      unload.Callback());
  EXPECT_FALSE(unload.called());
  plane_.clock().Advance(absl::Seconds(5));
  ASSERT_OK(unload.Await());
  EXPECT_EQ(unload.Await()->cancelled_requests, 2);
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, ZeroTimeoutDecidesAtOnce) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  EXPECT_THAT(plane_.Unload({.id = AdapterId("a"),
                             .drain_timeout = absl::ZeroDuration()}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  engine_.AddUser(std::move(leases[0]));
  ASSERT_OK_AND_ASSIGN(const UnloadResult result,
                       plane_.Unload({.id = AdapterId("a"),
                                      .drain_timeout = absl::ZeroDuration(),
                                      .force = true}));
  EXPECT_EQ(result.cancelled_requests, 1);
}

TEST_F(AdapterManagerUnloadTest, AnUnloadGoesOnWhenItsCallerLeaves) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane_.Lease({"a"}));
  CallbackResult<UnloadOutcome> unload;
  const WaitId id = manager_.Unload({.id = AdapterId("a")}, unload.Callback());
  manager_.CancelWait(id);
  EXPECT_THAT(unload.Await(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(State("a"), AdapterState::kDraining);
  CallbackResult<bool> removed;
  const WaitId watch =
      manager_.Watch([done = removed.Callback()](const AdapterEvent& event) {
        if (event.type == AdapterEvent::Type::kRemoved) done(true);
      });
  leases.clear();
  removed.Await();
  manager_.Unwatch(watch);
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, AnUnloadDuringTheFirstLoadEndsBoth) {
  plane_.loader().Put("dir", {.content = "v1"});
  for (const char* point : {"Read:dir", "Upload:a"}) {
    plane_.sync().Hold(point);
    const int64_t arrivals = plane_.sync().Arrivals(point);
    CallbackResult<absl::StatusOr<AdapterInfo>> load;
    manager_.Load({.id = AdapterId("a"), .source = "dir"}, load.Callback());
    CallbackResult<absl::StatusOr<Leases>> leases;
    manager_.AcquireLeases({AdapterId("a")}, leases.Callback());
    plane_.sync().AwaitArrivals(point, arrivals + 1);
    CallbackResult<UnloadOutcome> unload;
    manager_.Unload({.id = AdapterId("a")}, unload.Callback());
    EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(leases.Await(), StatusIs(absl::StatusCode::kAborted));
    EXPECT_FALSE(unload.called());
    plane_.sync().Release(point);
    EXPECT_OK(unload.Await());
    ExpectNothingIsLeft();
  }
}

TEST_F(AdapterManagerUnloadTest, AnUnloadDuringAReplaceEndsBoth) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.loader().Put("two", {.content = "v2"});
  plane_.sync().Hold("Upload:a");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("a"), .source = "two", .replace = true},
                load.Callback());
  plane_.sync().AwaitArrivals("Upload:a", 2);
  CallbackResult<UnloadOutcome> unload;
  manager_.Unload({.id = AdapterId("a")}, unload.Callback());
  EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kAborted));
  plane_.sync().Release("Upload:a");
  EXPECT_OK(unload.Await());
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, ALoadJustBeforeItServesIsEndedToo) {
  plane_.loader().Put("dir", {.content = "v1"});
  plane_.sync().Hold("AdapterManager::OnPromoted");
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  manager_.Load({.id = AdapterId("a"), .source = "dir"}, load.Callback());
  plane_.sync().AwaitArrivals("AdapterManager::OnPromoted", 1);
  CallbackResult<UnloadOutcome> unload;
  manager_.Unload({.id = AdapterId("a")}, unload.Callback());
  plane_.sync().Release("AdapterManager::OnPromoted");
  EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(unload.Await());
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, ADeclaredAdapterCanBeUnloaded) {
  plane_.loader().Put("dir", {.content = "v1"});
  ASSERT_OK(manager_.Register({.id = AdapterId("a"), .source = "dir"}));
  ASSERT_OK_AND_ASSIGN(const UnloadResult result,
                       plane_.Unload({.id = AdapterId("a")}));
  EXPECT_EQ(result.freed_device_bytes, 0);
  ExpectNothingIsLeft();
}

TEST_F(AdapterManagerUnloadTest, AnIdIsFreeAgainAfterItsUnload) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(plane_.LoadContent("a", "v1"));
    ASSERT_OK(plane_.Unload({.id = AdapterId("a")}));
  }
  ExpectNothingIsLeft();
}

// The engine is destroyed after Close, before the plane.
TEST_F(AdapterManagerUnloadTest, NothingCallsADependentOnceThePlaneIsClosed) {
  TestPlane plane;
  auto engine = std::make_unique<FakeDependent>();
  plane.manager().AddDependent(engine.get());
  ASSERT_OK(plane.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(Leases leases, plane.Lease({"a"}));
  // The replaced version is dropped, and asks for copies, with its last lease.
  ASSERT_OK(plane.LoadContent("a", "v2"));
  CallbackResult<UnloadOutcome> unload;
  plane.manager().Unload({.id = AdapterId("a")}, unload.Callback());
  plane.manager().Close();
  EXPECT_THAT(unload.Await(), StatusIs(absl::StatusCode::kUnavailable));
  engine.reset();
  leases.clear();
}

TEST_F(AdapterManagerUnloadTest, AClosedPlaneAnswersAtOnce) {
  TestPlane plane;
  plane.loader().Put("dir", {.content = "v1"});
  plane.manager().Close();
  EXPECT_THAT(plane.Load({.id = AdapterId("a"), .source = "dir"}),
              StatusIs(absl::StatusCode::kUnavailable, ErrorReason::kDraining));
  EXPECT_THAT(plane.Lease({"a"}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(plane.Unload({.id = AdapterId("a")}),
              StatusIs(absl::StatusCode::kUnavailable));
  CallbackResult<absl::StatusOr<AdapterInfo>> validated;
  plane.manager().Validate("dir", {}, validated.Callback());
  EXPECT_THAT(validated.Await(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(AdapterManagerUnloadTest, WhoStillWaitsAtTheEndIsAnswered) {
  CallbackResult<absl::StatusOr<AdapterInfo>> load;
  CallbackResult<absl::StatusOr<Leases>> leases;
  {
    TestPlane plane;
    plane.loader().Put("dir", {.content = "v1"});
    plane.loader().Put("pinned", {.content = "v1"});
    ASSERT_OK(plane.manager().Register(
        {.id = AdapterId("p"), .source = "pinned", .pinned = true}));
    plane.manager().Load(
        {.id = AdapterId("a"), .source = "dir"},
        [callback = load.Callback()](absl::StatusOr<AdapterInfo> info) mutable {
          callback(std::move(info));
        });
    plane.manager().AcquireLeases(
        {AdapterId("a")},
        [callback = leases.Callback()](absl::StatusOr<Leases> got) mutable {
          if (got.ok()) got->clear();  // None outlives the plane.
          callback(std::move(got));
        });
  }
  EXPECT_TRUE(load.called());
  EXPECT_TRUE(leases.called());
}

}  // namespace
}  // namespace lora
