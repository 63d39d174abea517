// SPDX-License-Identifier: Apache-2.0
#include "server/engine/engine_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::SizeIs;

WeightedKey Key(const std::string& id) {
  return {.key = {.id = AdapterId(id), .digest = "d"}};
}

// Adapters are resident or not; loads end when the test says so.
class FakeResidency final : public AdapterResidency {
 public:
  absl::StatusOr<std::vector<AdapterHandle>> TryAcquireAll(
      absl::Span<const AdapterKey> keys) override {
    if (!resident) return absl::UnavailableError("not resident");
    return std::vector<AdapterHandle>(keys.size());
  }
  void EnsureResident(absl::Span<const AdapterKey>,
                      absl::AnyInvocable<void(absl::Status) &&> done) override {
    if (fails_at_once.ok()) {
      loads.push_back(std::move(done));
    } else {
      std::move(done)(fails_at_once);
    }
  }
  bool WaitsForRoom(absl::Span<const AdapterKey>) const override {
    return crowded_out;
  }
  AdapterTier TierOf(const AdapterKey&) const override {
    return AdapterTier::kDisk;
  }

  bool resident = false;
  bool crowded_out = false;
  absl::Status fails_at_once;
  std::vector<absl::AnyInvocable<void(absl::Status) &&>> loads;
};

class FakeMerged final : public MergedRoutes {
 public:
  ExecutionPath Choose(const RouteQuestion&) override {
    return ExecutionPath::kMerged;
  }
  std::unique_ptr<MergedPin> TryPin(absl::Span<const WeightedKey>) override {
    return built ? std::make_unique<MergedPin>() : nullptr;
  }
  void Build(std::vector<WeightedKey>,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    builds.push_back(std::move(done));
  }
  bool WaitsForRoom(absl::Span<const WeightedKey>) const override {
    return crowded_out;
  }

  bool built = false;
  bool crowded_out = false;
  std::vector<absl::AnyInvocable<void(absl::Status) &&>> builds;
};

// What one sequence sees of the router.
class Waiter {
 public:
  Waiter(EngineRouter* router, ExecutionPath path)
      : router_(router), path_(path) {}

  // OK when the pins were taken or are awaited.
  absl::Status Try() {
    pins_.reset();
    absl::StatusOr<PinOutcome> outcome =
        router_->TryPin({Key("a")}, path_, awaited_.fetch.get());
    if (!outcome.ok()) return outcome.status();
    if (auto* awaited = std::get_if<PinsAwaited>(&*outcome)) {
      awaited_ = std::move(*awaited);
    } else {
      pins_ = std::get<ExecutionPins>(*std::move(outcome));
    }
    return absl::OkStatus();
  }
  bool TakesPins() { return Try().ok() && pins_.has_value(); }
  bool Waits() { return Try().ok() && !pins_.has_value(); }
  PinWait wait() const { return awaited_.wait; }
  const std::optional<ExecutionPins>& pins() const { return pins_; }

 private:
  EngineRouter* const router_;
  const ExecutionPath path_;
  PinsAwaited awaited_;
  std::optional<ExecutionPins> pins_;
};

class EngineRouterTest : public ::testing::Test {
 protected:
  Waiter Unmerged() { return Waiter(&router_, ExecutionPath::kUnmerged); }
  Waiter Merged() { return Waiter(&router_, ExecutionPath::kMerged); }
  void EndLoad(size_t index, absl::Status status) {
    std::move(residency_.loads.at(index))(std::move(status));
  }

  FakeResidency residency_;
  FakeMerged merged_;
  int wakes_ = 0;
  EngineRouter router_{&residency_, &merged_, [this] { ++wakes_; }};
};

TEST_F(EngineRouterTest, TheBaseNeedsNothing) {
  const auto outcome = router_.TryPin({}, ExecutionPath::kUnmerged, nullptr);
  ASSERT_OK(outcome);
  EXPECT_TRUE(std::get<ExecutionPins>(*outcome).empty());
  EXPECT_EQ(router_.ChoosePath({.preference = PathPreference::kMerged}),
            ExecutionPath::kUnmerged);
}

TEST_F(EngineRouterTest, ARequestCanForceEitherPath) {
  const std::vector<WeightedKey> adapters = {Key("a")};
  const auto choose = [&](PathPreference preference) {
    return router_.ChoosePath({.adapters = adapters, .preference = preference});
  };
  EXPECT_EQ(choose(PathPreference::kUnmerged), ExecutionPath::kUnmerged);
  EXPECT_EQ(choose(PathPreference::kMerged), ExecutionPath::kMerged);
  // What the fake chooses:
  EXPECT_EQ(choose(PathPreference::kAuto), ExecutionPath::kMerged);
}

TEST_F(EngineRouterTest, AMissingAdapterIsFetchedOnceForAllThatWait) {
  Waiter one = Unmerged();
  Waiter two = Unmerged();
  EXPECT_TRUE(one.Waits());
  EXPECT_TRUE(two.Waits());
  ASSERT_THAT(residency_.loads, SizeIs(1));
  residency_.resident = true;
  EndLoad(0, absl::OkStatus());
  EXPECT_EQ(wakes_, 1);
  EXPECT_TRUE(one.TakesPins());
  EXPECT_TRUE(two.TakesPins());
}

TEST_F(EngineRouterTest, AnAdapterEvictedAgainIsFetchedAgain) {
  Waiter waiter = Unmerged();
  EXPECT_TRUE(waiter.Waits());
  EndLoad(0, absl::OkStatus());
  EXPECT_TRUE(waiter.Waits());
  EXPECT_THAT(residency_.loads, SizeIs(2));
}

TEST_F(EngineRouterTest, AFailedFetchIsToldToEachThatWaitedForIt) {
  Waiter one = Unmerged();
  Waiter two = Unmerged();
  EXPECT_TRUE(one.Waits());
  EXPECT_TRUE(two.Waits());
  EndLoad(0, absl::DataLossError("changed on disk"));
  EXPECT_EQ(wakes_, 1);
  EXPECT_THAT(one.Try(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(two.Try(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(residency_.loads, SizeIs(1));
}

TEST_F(EngineRouterTest, AFetchThatIsUnavailableFailsAndIsNotRetried) {
  Waiter waiter = Unmerged();
  EXPECT_TRUE(waiter.Waits());
  EndLoad(0, absl::UnavailableError("the files grew"));
  EXPECT_THAT(waiter.Try(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(residency_.loads, SizeIs(1));
}

TEST_F(EngineRouterTest, AFailureThatNobodyCollectsIsNotToldToALaterRequest) {
  EXPECT_TRUE(Unmerged().Waits());  // And is cancelled.
  EndLoad(0, absl::DataLossError("changed on disk"));
  Waiter later = Unmerged();
  EXPECT_TRUE(later.Waits());
  ASSERT_THAT(residency_.loads, SizeIs(2));
  residency_.resident = true;
  EndLoad(1, absl::OkStatus());
  EXPECT_TRUE(later.TakesPins());
}

TEST_F(EngineRouterTest, AFetchThatFailsAtOnceIsToldAtTheNextTry) {
  residency_.fails_at_once = absl::ResourceExhaustedError("can never fit");
  Waiter waiter = Unmerged();
  EXPECT_TRUE(waiter.Waits());
  EXPECT_EQ(wakes_, 1);
  EXPECT_THAT(waiter.Try(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(EngineRouterTest, WeightsThatCameInBySomebodyElsesFetchAreTaken) {
  Waiter waiter = Unmerged();
  EXPECT_TRUE(waiter.Waits());
  EndLoad(0, absl::UnavailableError("the files grew"));
  residency_.resident = true;
  EXPECT_TRUE(waiter.TakesPins());
}

TEST_F(EngineRouterTest, WaitingForRoomIsToldFromWaitingForTheFetch) {
  Waiter unmerged = Unmerged();
  EXPECT_TRUE(unmerged.Waits());
  EXPECT_EQ(unmerged.wait(), PinWait::kFetch);
  residency_.crowded_out = true;
  EXPECT_TRUE(unmerged.Waits());
  EXPECT_EQ(unmerged.wait(), PinWait::kRoom);
  Waiter merged = Merged();
  EXPECT_TRUE(merged.Waits());
  EXPECT_EQ(merged.wait(), PinWait::kFetch);
  merged_.crowded_out = true;
  EXPECT_TRUE(merged.Waits());
  EXPECT_EQ(merged.wait(), PinWait::kRoom);
}

TEST_F(EngineRouterTest, AMergedCopyIsBuiltWhenThereIsNone) {
  Waiter waiter = Merged();
  EXPECT_TRUE(waiter.Waits());
  ASSERT_THAT(merged_.builds, SizeIs(1));
  merged_.built = true;
  std::move(merged_.builds[0])(absl::OkStatus());
  ASSERT_TRUE(waiter.TakesPins());
  EXPECT_EQ(waiter.pins()->path, ExecutionPath::kMerged);
  EXPECT_NE(waiter.pins()->merged, nullptr);
  EXPECT_TRUE(waiter.pins()->handles.empty());
}

}  // namespace
}  // namespace lora
