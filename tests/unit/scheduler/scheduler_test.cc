// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/scheduler/scheduler_fixture.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(SchedulerTest, APromptIsComputedInChunksAndThenDecodes) {
  Build(16, {.max_prefill_tokens_per_step = 8});
  Add("a", 20);
  EXPECT_EQ(Step(), (Rows{{1, 8}}));
  EXPECT_EQ(Step(), (Rows{{1, 8}}));
  EXPECT_EQ(sampled_[1], 0);
  EXPECT_EQ(Step(), (Rows{{1, 4}}));
  EXPECT_EQ(sampled_[1], 1);
  EXPECT_EQ(Step(), (Rows{{1, 1}}));
}

TEST_F(SchedulerTest, DecodesRunBesideAPrefill) {
  Build(32, {.max_prefill_tokens_per_step = 8});
  Add("a", 2);
  Step();
  Add("b", 20);
  EXPECT_THAT(Step(), ElementsAre(std::pair(1, 1), std::pair(2, 8)));
}

TEST_F(SchedulerTest, RowsOfEqualAdapterSetsAreAdjacent) {
  Build(64);
  Add("b", 1);
  Add("a", 1);
  Add("b", 1);
  Add("", 1);
  std::vector<uint64_t> order;
  for (const auto& [id, rows] : Step()) order.push_back(id);
  EXPECT_THAT(order, ElementsAre(4, 2, 1, 3));
}

TEST_F(SchedulerTest, ASequenceKeepsItsPathThroughPreemption) {
  Build(3);
  Add("a", 4);
  Add("b", 4);
  Step();
  Step();  // b is preempted.
  ends_ = {1};
  Step();
  Step();
  EXPECT_EQ(router_.num_choices, 2);
}

TEST_F(SchedulerTest, AnAdapterThatIsNotResidentDelaysNoOther) {
  Build(32);
  router_.missing = {"slow"};
  Add("slow", 2);
  Add("fast", 2);
  EXPECT_EQ(Step(), (Rows{{2, 2}}));
  router_.missing.clear();
  EXPECT_THAT(Step(), SizeIs(2));
}

TEST_F(SchedulerTest, ASequenceThatCanNeverRunFailsAlone) {
  Build(32);
  router_.broken = {"bad"};
  Add("bad", 2);
  Add("good", 2);
  EXPECT_EQ(Step(), (Rows{{2, 2}}));
  const auto failed = scheduler_->TakeFailed();
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_EQ(failed[0].sequence->id(), SequenceId(1));
  EXPECT_EQ(failed[0].status.code(), absl::StatusCode::kDataLoss);
}

TEST_F(SchedulerTest, ABusyAdapterLeavesAPlaceForOneThatHasNone) {
  Build(64, {.max_running = 2});
  Add("busy", 2);
  Add("busy", 2);
  Add("busy", 2);
  Step();
  Add("other", 2);
  const auto rows = Step();
  EXPECT_THAT(rows, ElementsAre(std::pair(1, 1), std::pair(4, 2)));
  EXPECT_EQ(scheduler_->stats().num_preemptions, 1);
}

TEST_F(SchedulerTest, OneLaneDoesNotPreemptItself) {
  Build(64, {.max_running = 2});
  for (int i = 0; i < 4; ++i) Add("busy", 2);
  for (int i = 0; i < 5; ++i) Step();
  EXPECT_EQ(scheduler_->stats().num_preemptions, 0);
}

TEST_F(SchedulerTest, AllThatCanNeverRunFailInOnePlan) {
  Build(32);
  router_.broken = {"bad"};
  Add("bad", 2);
  Add("bad", 2);
  Add("worse", 2);
  router_.broken.insert("worse");
  EXPECT_TRUE(scheduler_->Plan(now_).empty());
  EXPECT_THAT(scheduler_->TakeFailed(), SizeIs(3));
  EXPECT_TRUE(scheduler_->empty());
}

TEST_F(SchedulerTest, TheFirstThatCanRunFollowsThoseThatFail) {
  Build(32);
  router_.auto_path = ExecutionPath::kUnmerged;
  router_.merge = absl::ResourceExhaustedError("no room");
  Add("a", 2, PathPreference::kMerged);
  Add("a", 2, PathPreference::kMerged);
  Add("a", 2);
  EXPECT_EQ(Step(), (Rows{{3, 2}}));
  EXPECT_THAT(scheduler_->TakeFailed(), SizeIs(2));
}

TEST_F(SchedulerTest, AutoRunsUnmergedWhereItsMergedCopyCannotBeHad) {
  Build(32);
  router_.auto_path = ExecutionPath::kMerged;
  router_.merge = absl::ResourceExhaustedError("no room");
  Add("a", 2);
  const BatchPlan plan = scheduler_->Plan(now_);
  ASSERT_THAT(plan.items, SizeIs(1));
  EXPECT_EQ(plan.items[0].sequence->path(), ExecutionPath::kUnmerged);
  EXPECT_THAT(scheduler_->TakeFailed(), IsEmpty());
}

TEST_F(SchedulerTest, AutoDoesNotChangeThePathOfAPreemptedSequence) {
  Build(3);
  router_.auto_path = ExecutionPath::kMerged;
  Add("a", 4);
  Add("b", 4);
  Step();
  Step();  // b is preempted.
  router_.merge = absl::ResourceExhaustedError("no room");
  ends_ = {1};
  Step();
  Step();
  const auto failed = scheduler_->TakeFailed();
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_EQ(failed[0].sequence->id(), SequenceId(2));
}

TEST_F(SchedulerTest, AForcedMergedPathFailsWhereItsCopyCannotBeHad) {
  Build(32);
  router_.merge = absl::ResourceExhaustedError("no room");
  Add("a", 2, PathPreference::kMerged);
  EXPECT_TRUE(scheduler_->Plan(now_).empty());
  EXPECT_THAT(scheduler_->TakeFailed(), SizeIs(1));
}

TEST_F(SchedulerTest, WhatAWaiterAwaitsIsShownToTheRouterAgain) {
  Build(32);
  router_.missing = {"a"};
  Add("a", 2);
  Step();
  EXPECT_EQ(router_.last_awaited, nullptr);
  Step();
  EXPECT_NE(router_.last_awaited, nullptr);
}

TEST_F(SchedulerTest, ALaneWhoseWeightsAreMissingTakesNoPlace) {
  Build(64, {.max_running = 2});
  Add("busy", 2);
  Add("busy", 2);
  Step();
  router_.missing = {"other"};
  Add("other", 2);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Step(), SizeIs(2));
  EXPECT_EQ(scheduler_->stats().num_preemptions, 0);
  router_.missing.clear();
  EXPECT_THAT(Step(), ElementsAre(std::pair(1, 1), std::pair(3, 2)));
  EXPECT_EQ(scheduler_->stats().num_preemptions, 1);
}

TEST_F(SchedulerTest, ALaneWhoseWeightsAreMissingKeepsNoPlaceFree) {
  Build(4);
  Add("busy", 4);
  Step();
  router_.missing = {"a"};
  Add("a", 15);  // More blocks than are left.
  Add("b", 4);
  EXPECT_THAT(Step(), ElementsAre(std::pair(3, 4), std::pair(1, 1)));
}

TEST_F(SchedulerTest, FewLanesBringWeightsInAheadOfAPlace) {
  Build(64, {.max_running = 1});
  Add("busy", 2);
  Step();
  for (const char* adapter : {"a", "b", "c", "d", "e", "f"}) {
    router_.missing.insert(adapter);
    Add(adapter, 2);
  }
  router_.num_tries = 0;
  Step();
  EXPECT_EQ(router_.num_tries, 4);
  ends_ = {1};
  Step();
  router_.missing.erase("f");  // It is there, and so is a place.
  EXPECT_EQ(Step(), (Rows{{7, 2}}));
}

TEST_F(SchedulerTest, ALaneYieldsToOneThatWaitsTooLongForRoom) {
  Build(64, {.pin_patience = absl::Seconds(1)});
  router_.crowded_out = {"waiting"};
  Add("hot", 2);
  Step();
  Add("waiting", 2);
  Step();
  now_ += absl::Seconds(2);
  Add("hot", 2);
  EXPECT_EQ(Step(), (Rows{{1, 1}}));  // The second hot one stays out.
  router_.crowded_out.clear();
  EXPECT_THAT(Step(), SizeIs(3));
}

TEST_F(SchedulerTest, NobodyYieldsToOneThatWaitsForItsWeightsToArrive) {
  Build(64, {.pin_patience = absl::Seconds(1)});
  router_.missing = {"waiting"};
  Add("hot", 2);
  Add("waiting", 2);
  Step();
  now_ += absl::Seconds(100);
  Add("hot", 2);
  EXPECT_THAT(Step(), SizeIs(2));
}

TEST_F(SchedulerTest, ALaneThatPinsNothingDoesNotYield) {
  Build(64, {.pin_patience = absl::Seconds(1)});
  router_.crowded_out = {"waiting"};
  Add("", 2);
  Add("waiting", 2);
  Step();
  now_ += absl::Seconds(2);
  Add("", 2);
  EXPECT_THAT(Step(), SizeIs(2));
}

TEST_F(SchedulerTest, ACancelledWaiterHoldsNobodyBack) {
  Build(64, {.pin_patience = absl::Seconds(1)});
  router_.crowded_out = {"waiting"};
  Add("hot", 2);
  const SequenceId waiting = Add("waiting", 2);
  Step();
  now_ += absl::Seconds(2);
  scheduler_->Remove(waiting);
  Add("hot", 2);
  EXPECT_THAT(Step(), SizeIs(2));
}

TEST_F(SchedulerTest, ThePatienceOfACancelledWaiterIsNotInherited) {
  Build(64, {.pin_patience = absl::Seconds(1)});
  router_.crowded_out = {"waiting"};
  Add("hot", 2);
  const SequenceId waiting = Add("waiting", 2);
  Add("waiting", 2);
  Step();
  now_ += absl::Seconds(2);
  scheduler_->Remove(waiting);
  Add("hot", 2);
  EXPECT_THAT(Step(), SizeIs(2));
  now_ += absl::Seconds(2);
  Add("hot", 2);
  EXPECT_THAT(Step(), SizeIs(2));  // The next one has waited by now.
}

TEST_F(SchedulerTest, PromptsOfSeveralLanesShareTheSteps) {
  Build(256, {.max_prefill_tokens_per_step = 8});
  Add("a", 64);
  Step();
  Add("b", 8);
  int steps = 0;
  while (sampled_[2] == 0) {
    Step();
    ASSERT_LT(++steps, 4) << "b waits behind a's long prompt";
  }
}

// Random arrivals, ends, removals, missing adapters and few blocks: nothing is
// lost, nothing is computed twice between preemptions, all ends.
TEST_F(SchedulerTest, ARandomLoadKeepsEveryInvariant) {
  for (const unsigned seed : {1u, 2u, 3u, 4u, 5u}) {
    std::mt19937 random(seed);
    Build(12, {.max_prefill_tokens_per_step = 7, .max_running = 5});
    sampled_.clear();
    finished_.clear();
    std::set<uint64_t> live;
    for (int step = 0; step < 600; ++step) {
      if (step < 400 && random() % 2 == 0) {
        const std::string adapter(1, static_cast<char>('a' + random() % 4));
        const auto length = static_cast<int32_t>(1 + random() % 20);
        const SequenceId id =
            random() % 2 == 0 ? Add(adapter, length)
                              : Add(adapter, std::vector<int32_t>(length, 7));
        live.insert(id.value());
      }
      router_.missing.clear();
      router_.crowded_out.clear();
      if (random() % 4 == 0) router_.missing.insert("b");
      if (random() % 4 == 0) router_.crowded_out.insert("c");
      if (!live.empty() && random() % 10 == 0) {
        const uint64_t victim = *live.begin();
        ASSERT_NE(scheduler_->Remove(SequenceId(victim)), nullptr);
        live.erase(victim);
      }
      ends_.clear();
      for (const auto& [id, count] : sampled_) {
        if (count >= static_cast<int>(id % 9)) ends_.insert(id);
      }
      const size_t before = finished_.size();
      Step();
      for (size_t i = before; i < finished_.size(); ++i) {
        EXPECT_EQ(live.erase(finished_[i]), 1u);
      }
      now_ += absl::Milliseconds(10);
    }
    EXPECT_GT(scheduler_->stats().num_preemptions, 0);
    router_.missing.clear();
    router_.crowded_out.clear();
    for (int step = 0; step < 2000 && !live.empty(); ++step) {
      for (const uint64_t id : live) ends_.insert(id);
      const size_t before = finished_.size();
      Step();
      for (size_t i = before; i < finished_.size(); ++i) {
        live.erase(finished_[i]);
      }
    }
    EXPECT_TRUE(live.empty());
    EXPECT_TRUE(scheduler_->empty());
    EXPECT_EQ(allocator_->num_in_use(), 0);
    EXPECT_EQ(router_.num_pinned, 0);
  }
}

}  // namespace
}  // namespace lora
