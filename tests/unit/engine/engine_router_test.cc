// SPDX-License-Identifier: Apache-2.0
#include "server/engine/engine_router.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace lora {
namespace {

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
    loads.push_back(std::move(done));
  }
  AdapterTier TierOf(const AdapterKey&) const override {
    return AdapterTier::kDisk;
  }

  bool resident = false;
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

  bool built = false;
  std::vector<absl::AnyInvocable<void(absl::Status) &&>> builds;
};

class EngineRouterTest : public ::testing::Test {
 protected:
  absl::StatusOr<ExecutionPins> TryPin(ExecutionPath path) {
    return router_.TryPin({Key("a")}, path);
  }

  FakeResidency residency_;
  FakeMerged merged_;
  int wakes_ = 0;
  EngineRouter router_{&residency_, &merged_, [this] { ++wakes_; }};
};

TEST_F(EngineRouterTest, TheBaseNeedsNothing) {
  EXPECT_TRUE(router_.TryPin({}, ExecutionPath::kUnmerged).ok());
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
  EXPECT_TRUE(absl::IsUnavailable(TryPin(ExecutionPath::kUnmerged).status()));
  EXPECT_TRUE(absl::IsUnavailable(TryPin(ExecutionPath::kUnmerged).status()));
  ASSERT_EQ(residency_.loads.size(), 1u);
  residency_.resident = true;
  std::move(residency_.loads[0])(absl::OkStatus());
  EXPECT_EQ(wakes_, 1);
  EXPECT_TRUE(TryPin(ExecutionPath::kUnmerged).ok());
}

TEST_F(EngineRouterTest, AnAdapterEvictedAgainIsFetchedAgain) {
  EXPECT_FALSE(TryPin(ExecutionPath::kUnmerged).ok());
  std::move(residency_.loads[0])(absl::OkStatus());
  EXPECT_FALSE(TryPin(ExecutionPath::kUnmerged).ok());
  EXPECT_EQ(residency_.loads.size(), 2u);
}

TEST_F(EngineRouterTest, AFailedFetchIsToldOnceAndThenTriedAgain) {
  EXPECT_FALSE(TryPin(ExecutionPath::kUnmerged).ok());
  std::move(residency_.loads[0])(absl::DataLossError("changed on disk"));
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(TryPin(ExecutionPath::kUnmerged).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(absl::IsUnavailable(TryPin(ExecutionPath::kUnmerged).status()));
  EXPECT_EQ(residency_.loads.size(), 2u);
}

TEST_F(EngineRouterTest, AMergedCopyIsBuiltWhenThereIsNone) {
  EXPECT_TRUE(absl::IsUnavailable(TryPin(ExecutionPath::kMerged).status()));
  ASSERT_EQ(merged_.builds.size(), 1u);
  merged_.built = true;
  std::move(merged_.builds[0])(absl::OkStatus());
  const auto pins = TryPin(ExecutionPath::kMerged);
  ASSERT_TRUE(pins.ok());
  EXPECT_EQ(pins->path, ExecutionPath::kMerged);
  EXPECT_NE(pins->merged, nullptr);
  EXPECT_TRUE(pins->handles.empty());
}

}  // namespace
}  // namespace lora
