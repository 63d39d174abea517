// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merge_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/lora/lora_test_util.h"

namespace lora {
namespace {

class MergePlanTest : public ::testing::Test {
 protected:
  MergePlanTest() {
    for (uint32_t i = 0; i < 4; ++i) {
      base_.push_back(Packed(RandomMatrix(16 + 8 * i, 24, i), at::kFloat));
    }
    // "b" before "a": a plan finds handles by key.
    handles_.push_back(device_.Add(
        KeyOf("b"),
        RandomAdapter({{1, 24, 24, 3}, {3, 24, 40, 2}}, at::kFloat, 20)));
    handles_.push_back(device_.Add(
        KeyOf("a"),
        RandomAdapter({{0, 24, 16, 2}, {1, 24, 24, 2}}, at::kFloat, 10)));
  }

  MergedSet Set(const std::vector<WeightedKey>& components) {
    auto set = CanonicalSet(components);
    EXPECT_OK(set);
    return *std::move(set);
  }

  TestDevice device_;
  std::vector<PackedWeight> base_;
  std::vector<AdapterHandle> handles_;
  const BaseWeights base_weights_ =
      [this](int32_t index) -> const PackedWeight& {
    return base_[static_cast<size_t>(index)];
  };
};

TEST_F(MergePlanTest, AModuleOfSeveralAdaptersIsChargedOnce) {
  const MergedSet set = Set({{KeyOf("a"), 1.0f}, {KeyOf("b"), 1.0f}});
  const MergePlan plan(set, handles_, base_weights_);
  EXPECT_EQ(plan.bytes(),
            base_[0].bytes() + base_[1].bytes() + base_[3].bytes());
  ASSERT_OK_AND_ASSIGN(const auto merged, plan.Build());
  EXPECT_EQ(merged->bytes(), plan.bytes());
  EXPECT_EQ(merged->num_modules(), 3);
  EXPECT_EQ(merged->module(2), nullptr);
}

TEST_F(MergePlanTest, EachModuleHasTheTermsOfTheAdaptersThatHaveIt) {
  const MergedSet set = Set({{KeyOf("b"), -1.0f}, {KeyOf("a"), 0.5f}});
  const MergePlan plan(set, handles_, base_weights_);
  ASSERT_OK_AND_ASSIGN(const auto merged, plan.Build());
  const auto& a = static_cast<const LoraWeights&>(*handles_[1]);
  const auto& b = static_cast<const LoraWeights&>(*handles_[0]);
  const auto expect = [&](int32_t index, const std::vector<MergeTerm>& terms) {
    ASSERT_OK_AND_ASSIGN(const PackedWeight alone,
                         MergeMatrix(base_[static_cast<size_t>(index)], terms));
    EXPECT_TRUE(SameBits(merged->module(index)->data(), alone.data()));
  };
  expect(0, {{a.module(0), 0.5f}});
  expect(1, {{a.module(1), 0.5f}, {b.module(1), -1.0f}});
  expect(3, {{b.module(3), -1.0f}});
}

TEST_F(MergePlanTest, ACopyThatIsNotFiniteIsRefused) {
  const MergedSet set = Set({{KeyOf("a"), 3e38f}, {KeyOf("b"), 1.0f}});
  EXPECT_THAT(
      MergePlan(set, handles_, base_weights_).Build(),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights));
}

TEST_F(MergePlanTest, TheDeviationIsThatOfTheWorstModule) {
  const MergedSet set = Set({{KeyOf("b"), 1.0f}});
  ASSERT_OK_AND_ASSIGN(const auto merged,
                       MergePlan(set, handles_, base_weights_).Build());
  const auto& b = static_cast<const LoraWeights&>(*handles_[0]);
  double worst = 0.0;
  for (const int32_t index : {1, 3}) {
    ASSERT_OK_AND_ASSIGN(
        const double deviation,
        RelativeDeviation(base_[static_cast<size_t>(index)],
                          *merged->module(index), {{{b.module(index), 1.0f}}}));
    worst = std::max(worst, deviation);
  }
  EXPECT_EQ(merged->max_relative_deviation(), worst);
}

}  // namespace
}  // namespace lora
