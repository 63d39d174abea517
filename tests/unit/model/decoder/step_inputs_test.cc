// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/step_inputs.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr StepBounds kBounds = {
    .vocab_size = 10, .num_blocks = 4, .block_size = 4};

// Two sequences: a prompt of three tokens, and position 8 of another.
class StepInputsTest : public testing::Test {
 protected:
  StepInputsTest() {
    inputs_.token_ids = {1, 2, 3, 9};
    inputs_.sequences = {{.row_begin = 0,
                          .row_end = 3,
                          .position_begin = 0,
                          .prompt_length = 3,
                          .block_table = first_blocks_},
                         {.row_begin = 3,
                          .row_end = 4,
                          .position_begin = 8,
                          .prompt_length = 5,
                          .block_table = second_blocks_}};
    inputs_.logit_rows = {2, 3};
    inputs_.adapters.num_rows = 4;
  }

  const std::vector<int32_t> first_blocks_ = {3};
  const std::vector<int32_t> second_blocks_ = {0, 2, 1};
  StepInputs inputs_;
};

TEST_F(StepInputsTest, InputsThatKeepTheInvariantsAreFine) {
  EXPECT_OK(CheckStepInputs(inputs_, kBounds));
  inputs_.logit_rows.clear();
  EXPECT_OK(CheckStepInputs(inputs_, kBounds));
}

TEST_F(StepInputsTest, BrokenInvariantsAreInternalErrors) {
  static const std::vector<int32_t> kBadBlock = {0, 4, 1};
  struct Broken {
    std::function<void(StepInputs&)> change;
    const char* message;
  };
  const std::vector<Broken> cases = {
      {[](StepInputs& in) { in.token_ids.clear(); }, "no rows"},
      {[](StepInputs& in) { in.adapters.num_rows = 3; }, "have adapters"},
      {[](StepInputs& in) { in.token_ids[0] = 10; }, "token 10"},
      {[](StepInputs& in) { in.token_ids[0] = -1; }, "token -1"},
      {[](StepInputs& in) { in.sequences[1].row_begin = 2; }, "begin at 3"},
      {[](StepInputs& in) { in.sequences[0].row_end = 0; }, "rows 0 to 0"},
      {[](StepInputs& in) { in.sequences.pop_back(); }, "cover 3 of 4"},
      {[](StepInputs& in) { in.sequences[0].position_begin = -1; },
       "position -1"},
      {[](StepInputs& in) { in.sequences[0].prompt_length = 0; },
       "prompt of 0"},
      {[](StepInputs& in) { in.sequences[0].position_begin = 2; },
       "need 2 blocks"},
      {[](StepInputs& in) { in.sequences[1].block_table = kBadBlock; },
       "block 4 of 4"},
      {[](StepInputs& in) { in.logit_rows = {4}; }, "logit row 4"},
      {[](StepInputs& in) { in.logit_rows = {-1}; }, "logit row -1"},
      {[](StepInputs& in) {
         in.logit_rows = {2, 2};
       },
       "logit row 2"},
  };
  for (const Broken& broken : cases) {
    StepInputs inputs = inputs_;
    broken.change(inputs);
    EXPECT_THAT(
        CheckStepInputs(inputs, kBounds),
        AllOf(StatusIs(absl::StatusCode::kInternal, ErrorReason::kInternal),
              MessageIs(HasSubstr(broken.message))));
  }
}

TEST(SelectRowsTest, TermsAndRunsKeepTheirRows) {
  StepAdapters adapters;
  adapters.num_rows = 10;
  adapters.terms = {{0, 4, AdapterSlot(0), 1.0f},
                    {4, 6, AdapterSlot(1), 0.5f},
                    {4, 6, AdapterSlot(0), 2.0f},
                    {7, 9, AdapterSlot(1), 1.0f}};
  adapters.weight_runs = {{0, 6, 0}, {6, 10, 1}};
  adapters.adapters = {nullptr, nullptr};
  adapters.merged = {nullptr};
  const std::vector<int32_t> rows = {1, 3, 5, 6, 9};
  const StepAdapters selected = SelectRows(adapters, rows);
  EXPECT_EQ(selected.num_rows, 5);
  EXPECT_THAT(selected.terms,
              ElementsAre(AdapterTerm{0, 2, AdapterSlot(0), 1.0f},
                          AdapterTerm{2, 3, AdapterSlot(1), 0.5f},
                          AdapterTerm{2, 3, AdapterSlot(0), 2.0f}));
  EXPECT_THAT(selected.weight_runs,
              ElementsAre(WeightSetRun{0, 3, 0}, WeightSetRun{3, 5, 1}));
  EXPECT_EQ(selected.adapters.size(), 2u);
  EXPECT_EQ(selected.merged.size(), 1u);
}

TEST(SelectRowsTest, AllRowsAreTheTablesThemselves) {
  StepAdapters adapters;
  adapters.num_rows = 3;
  adapters.terms = {{1, 3, AdapterSlot(0), 1.0f}};
  adapters.weight_runs = {{0, 3, 0}};
  const std::vector<int32_t> rows = {0, 1, 2};
  const StepAdapters selected = SelectRows(adapters, rows);
  EXPECT_EQ(selected.terms, adapters.terms);
  EXPECT_EQ(selected.weight_runs, adapters.weight_runs);
}

TEST(SelectRowsTest, NoRowsHaveNoTables) {
  StepAdapters adapters;
  adapters.num_rows = 3;
  adapters.terms = {{1, 3, AdapterSlot(0), 1.0f}};
  adapters.weight_runs = {{0, 3, 0}};
  const StepAdapters selected = SelectRows(adapters, {});
  EXPECT_EQ(selected.num_rows, 0);
  EXPECT_THAT(selected.terms, IsEmpty());
  EXPECT_THAT(selected.weight_runs, IsEmpty());
}

}  // namespace
}  // namespace lora
