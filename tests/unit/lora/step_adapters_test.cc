// SPDX-License-Identifier: Apache-2.0
#include "server/lora/step_adapters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "server/lora/lora_weights.h"
#include "server/lora/merged_weights.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StepAdaptersTest : public ::testing::Test {
 protected:
  using Adapters = std::vector<WeightedSlotAdapter>;

  const LoraWeights a_{{}};
  const LoraWeights b_{{}};
  const MergedWeights merged_x_{{}, 0.0};
  const MergedWeights merged_y_{{}, 0.0};
};

AdapterTerm Term(int32_t begin, int32_t end, int32_t slot, float weight) {
  return {begin, end, AdapterSlot(slot), weight};
}

TEST_F(StepAdaptersTest, RowsWithoutAdaptersHaveNoTerms) {
  const StepAdapters step = BuildStepAdapters({{.num_rows = 3}});
  EXPECT_EQ(step.num_rows, 3);
  EXPECT_THAT(step.terms, IsEmpty());
  EXPECT_THAT(step.adapters, IsEmpty());
  EXPECT_THAT(step.weight_runs, ElementsAre(WeightSetRun{0, 3, 0}));
}

TEST_F(StepAdaptersTest, NoRangesAreNoRows) {
  const StepAdapters step = BuildStepAdapters({});
  EXPECT_EQ(step.num_rows, 0);
  EXPECT_THAT(step.weight_runs, IsEmpty());
}

TEST_F(StepAdaptersTest, EqualNeighboursAreOneTerm) {
  const Adapters first = {{&a_, 0.5f}};
  const Adapters second = {{&a_, 0.5f}};
  const StepAdapters step =
      BuildStepAdapters({{2, first}, {3, second}, {.num_rows = 1}, {1, first}});
  EXPECT_THAT(step.terms,
              ElementsAre(Term(0, 5, 0, 0.5f), Term(6, 7, 0, 0.5f)));
  EXPECT_THAT(step.adapters, ElementsAre(&a_));
  EXPECT_THAT(step.weight_runs, ElementsAre(WeightSetRun{0, 7, 0}));
}

TEST_F(StepAdaptersTest, OneAdapterWithTwoWeightsIsTwoTermsOfOneSlot) {
  const Adapters full = {{&a_, 1.0f}};
  const Adapters half = {{&a_, 0.5f}};
  const StepAdapters step = BuildStepAdapters({{1, full}, {1, half}});
  EXPECT_THAT(step.terms,
              ElementsAre(Term(0, 1, 0, 1.0f), Term(1, 2, 0, 0.5f)));
  EXPECT_THAT(step.adapters, ElementsAre(&a_));
}

TEST_F(StepAdaptersTest, SeveralAdaptersKeepTheirOrderOverTheSameRows) {
  const Adapters both = {{&b_, 1.0f}, {&a_, -2.0f}};
  const Adapters one = {{&a_, -2.0f}};
  const StepAdapters step = BuildStepAdapters({{1, both}, {1, both}, {2, one}});
  EXPECT_THAT(step.terms, ElementsAre(Term(0, 2, 0, 1.0f), Term(0, 2, 1, -2.0f),
                                      Term(2, 4, 1, -2.0f)));
  EXPECT_THAT(step.adapters, ElementsAre(&b_, &a_));
}

TEST_F(StepAdaptersTest, MergedSetsAreNumberedFromOne) {
  const StepAdapters step = BuildStepAdapters({{1, {}, &merged_y_},
                                               {2, {}, &merged_y_},
                                               {1, {}, nullptr},
                                               {1, {}, &merged_x_},
                                               {1, {}, &merged_y_}});
  EXPECT_THAT(step.merged, ElementsAre(&merged_y_, &merged_x_));
  EXPECT_THAT(step.weight_runs,
              ElementsAre(WeightSetRun{0, 3, 1}, WeightSetRun{3, 4, 0},
                          WeightSetRun{4, 5, 2}, WeightSetRun{5, 6, 1}));
}

TEST_F(StepAdaptersTest, RangesWithoutRowsAddNothing) {
  const Adapters a = {{&a_, 1.0f}};
  const Adapters b = {{&b_, 1.0f}};
  const StepAdapters step =
      BuildStepAdapters({{1, a}, {0, b, &merged_x_}, {1, a}});
  EXPECT_THAT(step.terms, ElementsAre(Term(0, 2, 0, 1.0f)));
  EXPECT_THAT(step.adapters, ElementsAre(&a_));
  EXPECT_THAT(step.merged, IsEmpty());
}

}  // namespace
}  // namespace lora
