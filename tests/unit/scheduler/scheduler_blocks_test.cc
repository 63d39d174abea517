// SPDX-License-Identifier: Apache-2.0
// What the scheduler does where blocks are short, and where they are shared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "server/scheduler/scheduler.h"
#include "tests/unit/scheduler/scheduler_fixture.h"

namespace lora {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class SchedulerBlocksTest : public SchedulerTest {};

TEST_F(SchedulerBlocksTest, AFinishedSequenceGivesItsBlocksBack) {
  Build(8);
  Add("a", 6);
  ends_ = {1};
  Step();
  EXPECT_THAT(finished_, ElementsAre(1));
  EXPECT_EQ(allocator_->num_in_use(), 0);
  EXPECT_TRUE(scheduler_->empty());
}

TEST_F(SchedulerBlocksTest, ARemovedSequenceGivesItsBlocksBack) {
  Build(8);
  const SequenceId running = Add("a", 6);
  Step();
  const SequenceId waiting = Add("b", 6);
  EXPECT_NE(scheduler_->Remove(running), nullptr);
  EXPECT_NE(scheduler_->Remove(waiting), nullptr);
  EXPECT_EQ(scheduler_->Remove(waiting), nullptr);
  EXPECT_EQ(allocator_->num_in_use(), 0);
  EXPECT_TRUE(scheduler_->empty());
}

TEST_F(SchedulerBlocksTest,
       TheYoungestIsPreemptedWhenBlocksRunOutAndResumesLater) {
  Build(3);  // 12 positions.
  Add("a", 4);
  Add("b", 4);
  Step();  // Each holds a block and has sampled its first token.
  // A third block is there for one of them only.
  EXPECT_EQ(Step(), (Rows{{1, 1}}));
  EXPECT_EQ(scheduler_->stats().num_preemptions, 1);
  ends_ = {1};
  Step();
  ends_.clear();
  // The second computes its prompt and its first token again, then goes on.
  Step();
  EXPECT_EQ(sampled_[2], 2);
}

TEST_F(SchedulerBlocksTest, NobodyIsPreemptedForOneThatWouldStillNotFit) {
  Build(6);
  Add("busy", 4);
  Add("busy", 4);
  Step();
  Add("large", 20);
  Step();
  EXPECT_EQ(scheduler_->stats().num_preemptions, 0);
}

TEST_F(SchedulerBlocksTest, AsManyArePreemptedAsANewLaneNeeds) {
  Build(8);
  for (int i = 0; i < 3; ++i) Add("busy", 6);
  Step();
  Add("large", 20);
  EXPECT_THAT(Step(), ElementsAre(std::pair(1, 1), std::pair(4, 20)));
  EXPECT_EQ(scheduler_->stats().num_preemptions, 2);
}

TEST_F(SchedulerBlocksTest, ThePromptInProgressKeepsTheBlocksThatItStillNeeds) {
  Build(5, {.max_prefill_tokens_per_step = 8});
  Add("a", 16);
  EXPECT_EQ(Step(), (Rows{{1, 8}}));
  Add("b", 8);  // Three blocks are free; a needs two of them.
  EXPECT_EQ(Step(), (Rows{{1, 8}}));
  EXPECT_EQ(scheduler_->stats().num_preemptions, 0);
}

// Ten blocks of which a second sequence shares nine, and needs two of its own.
const std::vector<int32_t> kSharedPrompt(40, 7);

TEST_F(SchedulerBlocksTest, BlocksThatOthersUseAreNotNeededAgain) {
  Build(16);
  Add("a", kSharedPrompt);
  Step();
  Add("a", kSharedPrompt);
  EXPECT_THAT(Step(), ElementsAre(std::pair(1, 1), std::pair(2, 4)));
  EXPECT_THAT(Step(), ElementsAre(std::pair(1, 1), std::pair(2, 1)));
  EXPECT_EQ(scheduler_->stats().num_preemptions, 0);
}

TEST_F(SchedulerBlocksTest, ASharedPromptStillNeedsBlocksOfItsOwn) {
  for (const int32_t num_blocks : {12, 13}) {
    Build(num_blocks);
    next_id_ = 1;
    Add("a", kSharedPrompt);
    Step();  // Eleven blocks with the next token.
    Add("a", kSharedPrompt);
    EXPECT_THAT(Step(), SizeIs(num_blocks == 12 ? 1 : 2));
    EXPECT_EQ(scheduler_->stats().num_preemptions, 0);
  }
}

TEST_F(SchedulerBlocksTest,
       BlocksThatOthersUseAreCountedForEachThatSharesThem) {
  Build(13);
  const std::vector<int32_t> prompt(39, 7);
  for (int i = 0; i < 6; ++i) Add("a", prompt);
  EXPECT_THAT(Step(), SizeIs(1));  // Nothing is cached yet.
  EXPECT_THAT(Step(), SizeIs(4));  // Ten blocks, and one for each other.
  EXPECT_EQ(scheduler_->stats().num_preemptions, 0);
}

TEST_F(SchedulerBlocksTest, CachedBlocksThatNobodyUsesTakeRoom) {
  Build(12);
  Add("other", 8);
  const std::vector<int32_t> prompt(36, 7);
  Add("a", prompt);
  ends_ = {2};
  Step();
  Add("a", prompt);  // Ten blocks, eight of them cached; nine are available.
  EXPECT_EQ(Step(), (Rows{{1, 1}}));
  EXPECT_EQ(scheduler_->stats().num_waiting, 1);
}

TEST_F(SchedulerBlocksTest, APathThatIsGivenUpSharesNothing) {
  Build(16);
  router_.auto_path = ExecutionPath::kMerged;
  Add("a", kSharedPrompt);
  Step();
  router_.merge = absl::ResourceExhaustedError("no room");
  Add("a", kSharedPrompt);  // Eleven blocks, unmerged; five are left.
  EXPECT_EQ(Step(), (Rows{{1, 1}}));
  EXPECT_EQ(scheduler_->stats().num_waiting, 1);
  EXPECT_EQ(scheduler_->stats().num_preemptions, 0);
}

TEST_F(SchedulerBlocksTest, TheLaneWithTheMostGivesUpBlocks) {
  Build(5);
  Add("busy", 3);
  Add("busy", 3);
  Add("busy", 3);
  Add("few", 3);
  Step();  // Each has a block, and four tokens.
  Step();  // They fill their blocks.
  // One block is left for four that need one. The lane with one sequence is
  // the youngest, and goes on.
  const Rows rows = Step();
  EXPECT_THAT(rows, Contains(std::pair(4, 1)));
  EXPECT_THAT(rows, Contains(std::pair(1, 1)));
  EXPECT_EQ(scheduler_->stats().num_running, 2);
}

TEST_F(SchedulerBlocksTest,
       EveryDecodeIsInThePlanAlsoBehindOneThatGaveUpItsBlocks) {
  Build(6);
  for (const char* adapter : {"a", "a", "b", "c"}) Add(adapter, 3);
  Step();
  Step();
  // Each needs a second block; the younger of a gives up its two.
  EXPECT_THAT(Step(),
              ElementsAre(std::pair(1, 1), std::pair(3, 1), std::pair(4, 1)));
}

}  // namespace
}  // namespace lora
