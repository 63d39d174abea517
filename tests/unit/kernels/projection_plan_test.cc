// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/projection_plan.h"

#include <ATen/ops/empty.h>

#include "tests/unit/kernels/kernel_test_util.h"

namespace lora {
namespace {

PackedWeight Weight(int64_t out, int64_t in) {
  return PackOnCpu(RandomTensor({out, in}, at::kFloat, 1));
}

TEST(GroupPlanTest, WithoutTermsThereIsNothingToShrink) {
  const PackedWeight weight = Weight(64, 8);
  const WeightRun run = {0, 5, &weight};
  const GroupPlan plan(5, {Projection{.weights = {&run, 1}}});
  EXPECT_TRUE(plan.shrink_items().empty());
  EXPECT_EQ(plan.h_elements(), 0);
  EXPECT_TRUE(plan.projections()[0].has_delta.empty());
}

TEST(GroupPlanTest, ShrinkItemsCoverRowsAndPanelsOfEveryTermOnce) {
  const PackedWeight weight = Weight(64, 8);
  const PackedWeight a = Weight(20, 8);  // Two narrow panels.
  const PackedWeight b = Weight(64, 20);
  const WeightRun run = {0, 30, &weight};
  const LowRankTerm terms[] = {{1, 18, &a, &b, 1.0f}, {20, 21, &a, &b, 1.0f}};
  const GroupPlan plan(30, {Projection{.weights = {&run, 1}, .terms = terms}});
  std::vector<std::vector<int>> covered(2, std::vector<int>(30));
  for (const ShrinkItem& item : plan.shrink_items()) {
    ASSERT_LE(item.rows.size(), GroupPlan::kShrinkRows);
    for (int64_t row = item.rows.begin; row < item.rows.end; ++row) {
      ++covered[item.panel][row];
    }
  }
  for (int64_t row = 0; row < 30; ++row) {
    const int expected = (row >= 1 && row < 18) || row == 20;
    EXPECT_EQ(covered[0][row], expected) << row;
    EXPECT_EQ(covered[1][row], expected) << row;
    EXPECT_EQ(plan.projections()[0].has_delta[row], expected == 1) << row;
  }
  EXPECT_EQ(plan.h_elements(), (17 + 1) * 32);
  EXPECT_EQ(plan.projections()[0].terms[1].h_offset, 17 * 32);
}

TEST(GroupPlanTest, WorkersOwnContiguousRangesThatCoverEveryPanelOnce) {
  const PackedWeight wide = Weight(64 * 7, 4);
  const PackedWeight narrow = Weight(40, 4);
  const PackedWeight huge = Weight(1000, 4);
  const WeightRun runs[] = {{0, 1, &wide}, {0, 1, &narrow}, {0, 1, &huge}};
  const GroupPlan plan(1, {Projection{.weights = {&runs[0], 1}},
                           Projection{.weights = {&runs[1], 1}},
                           Projection{.weights = {&runs[2], 1}}});
  EXPECT_EQ(plan.columns(), 448 + 48 + 1024);
  for (int workers = 1; workers <= 9; ++workers) {
    for (const ProjectionPlan& projection : plan.projections()) {
      int64_t next = 0;
      for (int worker = 0; worker < workers; ++worker) {
        const Range owned = plan.OwnedPanels(projection, worker, workers);
        if (owned.empty()) continue;
        EXPECT_EQ(owned.begin, next);
        next = owned.end;
      }
      EXPECT_EQ(next, projection.num_panels) << workers << " workers";
    }
  }
}

TEST(GroupPlanTest, SharesDifferByLessThanTwoPanels) {
  const PackedWeight weight = Weight(64 * 19, 4);
  const WeightRun run = {0, 1, &weight};
  const GroupPlan plan(
      1, {Projection{.weights = {&run, 1}}, Projection{.weights = {&run, 1}}});
  for (int worker = 0; worker < 4; ++worker) {
    int64_t panels = 0;
    for (const ProjectionPlan& projection : plan.projections()) {
      panels += plan.OwnedPanels(projection, worker, 4).size();
    }
    EXPECT_GE(panels, 9);
    EXPECT_LE(panels, 10);
  }
}

}  // namespace
}  // namespace lora
