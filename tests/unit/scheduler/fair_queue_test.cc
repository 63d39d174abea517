// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/fakes/fake_router.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FairQueueTest : public ::testing::Test {
 protected:
  std::unique_ptr<Sequence> Make(uint64_t id, const std::string& adapter) {
    SequenceSpec spec;
    spec.id = SequenceId(id);
    spec.prompt = {1};
    spec.adapters = {KeyOf(adapter)};
    return std::make_unique<Sequence>(std::move(spec), &allocator_);
  }

  BlockAllocator allocator_{4, 16};
  FairQueue queue_;
};

TEST_F(FairQueueTest, ALaneIsFirstComeFirstServed) {
  queue_.PushBack(Make(1, "a"));
  queue_.PushBack(Make(2, "a"));
  EXPECT_EQ(queue_.PopFront("a/")->id(), SequenceId(1));
  EXPECT_EQ(queue_.PopFront("a/")->id(), SequenceId(2));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(FairQueueTest, APreemptedSequenceGoesFirst) {
  queue_.PushBack(Make(1, "a"));
  queue_.PushFront(Make(2, "a"));
  EXPECT_EQ(queue_.Front("a/").id(), SequenceId(2));
}

TEST_F(FairQueueTest, TheLaneWithTheLeastServiceComesFirst) {
  queue_.PushBack(Make(1, "a"));
  queue_.PushBack(Make(2, "b"));
  queue_.Charge("a/", 10);
  queue_.Charge("b/", 3);
  EXPECT_THAT(queue_.LanesByService(), ElementsAre("b/", "a/"));
}

TEST_F(FairQueueTest, OfLanesServedAlikeTheOneThatWaitsLongestComesFirst) {
  queue_.PushBack(Make(7, "b"));
  queue_.PushBack(Make(8, "a"));
  EXPECT_THAT(queue_.LanesByService(), ElementsAre("b/", "a/"));
}

TEST_F(FairQueueTest, ANewLaneStartsAtTheLeastServiceOfTheBusyOnes) {
  queue_.PushBack(Make(1, "a"));
  queue_.PushBack(Make(2, "b"));
  queue_.Charge("a/", 100);
  queue_.Charge("b/", 40);
  queue_.PushBack(Make(3, "c"));
  EXPECT_EQ(queue_.service("c/"), 40);
}

TEST_F(FairQueueTest, ARunningLaneKeepsItsCounterWithoutWaitingSequences) {
  queue_.PushBack(Make(1, "a"));
  queue_.BeginService("a/");
  queue_.PopFront("a/");
  queue_.Charge("a/", 7);
  queue_.PushBack(Make(2, "a"));
  EXPECT_EQ(queue_.service("a/"), 7);
}

TEST_F(FairQueueTest, AbsenceEarnsNoCredit) {
  queue_.PushBack(Make(1, "a"));
  queue_.BeginService("a/");
  queue_.PopFront("a/");
  queue_.EndService("a/");  // Idle: forgotten.
  queue_.PushBack(Make(2, "b"));
  queue_.Charge("b/", 50);
  queue_.PushBack(Make(3, "a"));
  EXPECT_EQ(queue_.service("a/"), 50);
}

TEST_F(FairQueueTest, APauseClearsNoDebt) {
  queue_.PushBack(Make(1, "a"));
  queue_.PushBack(Make(2, "b"));
  queue_.Charge("a/", 100);
  queue_.Charge("b/", 40);
  queue_.PopFront("a/");  // Idle.
  EXPECT_EQ(queue_.service("a/"), 100);
  queue_.PushBack(Make(3, "a"));
  EXPECT_EQ(queue_.service("a/"), 100);
}

TEST_F(FairQueueTest, ADebtIsForgottenWhenTheOthersHaveHadAsMuch) {
  queue_.PushBack(Make(1, "a"));
  queue_.PushBack(Make(2, "b"));
  queue_.Charge("a/", 100);
  queue_.PopFront("a/");
  queue_.Charge("b/", 150);
  queue_.PushBack(Make(3, "c"));
  EXPECT_EQ(queue_.service("a/"), 0);
  queue_.PushBack(Make(4, "a"));
  EXPECT_EQ(queue_.service("a/"), 150);
}

TEST_F(FairQueueTest, ALaneThatOnlyRunsDoesNotHoldTheFloorDown) {
  queue_.PushBack(Make(1, "trickle"));
  queue_.BeginService("trickle/");
  queue_.PopFront("trickle/");
  queue_.PushBack(Make(2, "a"));
  queue_.Charge("a/", 1000);
  queue_.PushBack(Make(3, "b"));
  EXPECT_EQ(queue_.service("b/"), 1000);
  queue_.PushBack(Make(4, "trickle"));
  EXPECT_EQ(queue_.service("trickle/"), 1000);
}

TEST_F(FairQueueTest, WhenNobodyWaitsTheLastThatDidSetsTheFloor) {
  queue_.PushBack(Make(1, "a"));
  queue_.BeginService("a/");
  queue_.PopFront("a/");
  queue_.Charge("a/", 70);
  queue_.PushBack(Make(2, "b"));
  EXPECT_EQ(queue_.service("b/"), 70);
}

TEST_F(FairQueueTest, APreemptedSequenceLeavesTheServiceOfItsLane) {
  queue_.PushBack(Make(1, "a"));
  queue_.BeginService("a/");
  auto running = queue_.PopFront("a/");
  queue_.PushBack(Make(2, "b"));
  queue_.Charge("b/", 50);
  queue_.Charge("a/", 10);
  queue_.EndService("a/");
  queue_.PushFront(std::move(running));
  EXPECT_EQ(queue_.service("a/"), 10);
}

TEST_F(FairQueueTest, RemoveIfTakesOutJustWhatMatches) {
  queue_.PushBack(Make(1, "a"));
  queue_.PushBack(Make(2, "a"));
  queue_.PushBack(Make(3, "b"));
  const auto removed = queue_.RemoveIf(
      [](const Sequence& sequence) { return sequence.id().value() != 2; });
  EXPECT_EQ(removed.size(), 2u);
  EXPECT_EQ(queue_.size(), 1u);
  EXPECT_THAT(queue_.LanesByService(), ElementsAre("a/"));
}

TEST_F(FairQueueTest, AnEmptyQueueHasNoLanes) {
  EXPECT_THAT(queue_.LanesByService(), IsEmpty());
}

}  // namespace
}  // namespace lora
