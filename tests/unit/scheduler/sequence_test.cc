// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/sequence.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/fakes/fake_router.h"

namespace lora {
namespace {

constexpr int32_t kBlockSize = 4;

class SequenceTest : public ::testing::Test {
 protected:
  std::unique_ptr<Sequence> Make(int32_t prompt_tokens,
                                 int32_t max_shared = 1 << 30) {
    SequenceSpec spec;
    spec.id = SequenceId(next_id_++);
    spec.prompt.resize(prompt_tokens);
    std::iota(spec.prompt.begin(), spec.prompt.end(), 100);
    spec.max_shared_tokens = max_shared;
    auto sequence = std::make_unique<Sequence>(std::move(spec), &allocator_);
    sequence->SetPath(ExecutionPath::kUnmerged, "model");
    return sequence;
  }

  // Computes the whole prompt, so that its full blocks are published.
  void Compute(Sequence& sequence) {
    sequence.Admit({}, absl::UnixEpoch());
    ASSERT_TRUE(sequence.ReserveBlocks(sequence.num_tokens()));
    sequence.MarkComputed(sequence.num_tokens(), allocator_);
  }

  BlockAllocator allocator_{16, kBlockSize};
  uint64_t next_id_ = 1;
};

TEST_F(SequenceTest, AnAdmittedSequenceSharesTheFullBlocksOfItsPrefix) {
  auto first = Make(10);
  Compute(*first);
  auto second = Make(10);
  second->Admit({}, absl::UnixEpoch());
  EXPECT_EQ(second->num_computed(), 8);
  EXPECT_EQ(second->num_cached_prompt_tokens(), 8);
  EXPECT_EQ(second->blocks().ids()[0], first->blocks().ids()[0]);
  EXPECT_EQ(second->blocks().ids()[1], first->blocks().ids()[1]);
}

TEST_F(SequenceTest, TheLastTokenIsAlwaysComputed) {
  auto first = Make(8);
  Compute(*first);
  auto second = Make(8);  // Both of its blocks are cached.
  second->Admit({}, absl::UnixEpoch());
  EXPECT_EQ(second->num_computed(), 4);
}

TEST_F(SequenceTest, APrefixOutlivesTheSequenceThatComputedIt) {
  { Compute(*Make(9)); }
  EXPECT_EQ(allocator_.num_in_use(), 0);
  auto second = Make(9);
  second->Admit({}, absl::UnixEpoch());
  EXPECT_EQ(second->num_computed(), 8);
}

TEST_F(SequenceTest, PositionsThatMayNotBeSharedAreNeitherFoundNorPublished) {
  { Compute(*Make(12, /*max_shared=*/4)); }
  auto second = Make(12);
  second->Admit({}, absl::UnixEpoch());
  EXPECT_EQ(second->num_computed(), 4);
  Compute(*Make(12));
  auto third = Make(12, /*max_shared=*/0);
  third->Admit({}, absl::UnixEpoch());
  EXPECT_EQ(third->num_computed(), 0);
}

TEST_F(SequenceTest, BlocksInUseAreThoseThatARunningSequenceHolds) {
  auto first = Make(10);
  Compute(*first);
  auto second = Make(10);
  EXPECT_EQ(second->CountBlocksInUse(allocator_), 2);
  EXPECT_EQ(Make(8)->CountBlocksInUse(allocator_), 1);  // Not the last token's.
  EXPECT_EQ(Make(10, /*max_shared=*/4)->CountBlocksInUse(allocator_), 1);
  const int32_t available = allocator_.num_available();
  second->Admit({}, absl::UnixEpoch());
  EXPECT_EQ(allocator_.num_available(), available);
  second.reset();
  first.reset();
  EXPECT_EQ(Make(10)->CountBlocksInUse(allocator_), 0);  // Cached.
}

TEST_F(SequenceTest, TheBlocksOfAPathAreNotThoseOfTheOneBefore) {
  auto first = Make(10);
  Compute(*first);
  auto second = Make(10);
  second->SetPath(ExecutionPath::kMerged, "model");
  EXPECT_EQ(second->CountBlocksInUse(allocator_), 0);
  second->SetPath(ExecutionPath::kUnmerged, "model");
  EXPECT_EQ(second->CountBlocksInUse(allocator_), 2);
}

TEST_F(SequenceTest, PreemptionGivesBlocksBackAndKeepsTokensAndPath) {
  auto sequence = Make(6);
  Compute(*sequence);
  sequence->AppendToken(7);
  sequence->Preempt();
  EXPECT_EQ(allocator_.num_in_use(), 0);
  EXPECT_EQ(sequence->num_computed(), 0);
  EXPECT_EQ(sequence->num_tokens(), 7);
  EXPECT_EQ(sequence->path(), ExecutionPath::kUnmerged);
}

TEST_F(SequenceTest, PositionsComputedAgainAreNotCountedAgain) {
  auto sequence = Make(6, /*max_shared=*/0);
  EXPECT_EQ(sequence->MarkComputed(6, allocator_), 6);
  sequence->AppendToken(7);
  sequence->Preempt();
  EXPECT_EQ(sequence->MarkComputed(4, allocator_), 0);
  EXPECT_EQ(sequence->MarkComputed(7, allocator_), 1);
}

TEST_F(SequenceTest, AResumedSequenceFindsItsOwnBlocksAgain) {
  auto sequence = Make(6);
  Compute(*sequence);
  sequence->AppendToken(7);
  sequence->Preempt();
  sequence->Admit({}, absl::UnixEpoch());
  EXPECT_EQ(sequence->num_computed(), 4);
  EXPECT_EQ(sequence->num_cached_prompt_tokens(), 0);  // Of the first time.
}

TEST_F(SequenceTest, TimeSpentWaitingForAdaptersIsMeasuredOnce) {
  auto sequence = Make(2);
  EXPECT_EQ(sequence->pin_wait(), absl::ZeroDuration());
  sequence->AwaitPins({}, absl::FromUnixSeconds(10));
  sequence->AwaitPins({}, absl::FromUnixSeconds(12));
  sequence->Admit({}, absl::FromUnixSeconds(15));
  EXPECT_EQ(sequence->pin_wait(), absl::Seconds(5));
}

TEST_F(SequenceTest, AWaitForRoomBeginsWhenTheWaitForAFetchHasEnded) {
  auto sequence = Make(2);
  sequence->AwaitPins({.wait = PinWait::kFetch}, absl::FromUnixSeconds(10));
  EXPECT_EQ(sequence->room_wait_begin(), std::nullopt);
  sequence->AwaitPins({.wait = PinWait::kRoom}, absl::FromUnixSeconds(12));
  sequence->AwaitPins({.wait = PinWait::kRoom}, absl::FromUnixSeconds(14));
  EXPECT_EQ(sequence->room_wait_begin(), absl::FromUnixSeconds(12));
  sequence->EndPinWait();
  EXPECT_EQ(sequence->room_wait_begin(), std::nullopt);
}

TEST_F(SequenceTest, WhatIsAwaitedIsKeptUntilThePinsAreThere) {
  auto sequence = Make(2);
  const auto fetch = std::make_shared<const WeightsFetch>();
  sequence->AwaitPins({.fetch = fetch}, absl::FromUnixSeconds(10));
  EXPECT_EQ(sequence->awaited(), fetch.get());
  sequence->Admit({}, absl::FromUnixSeconds(11));
  EXPECT_EQ(sequence->awaited(), nullptr);
  EXPECT_EQ(fetch.use_count(), 1);
}

}  // namespace
}  // namespace lora
