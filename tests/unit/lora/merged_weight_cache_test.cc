// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merged_weight_cache.h"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/fakes/fake_clock.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/lora/lora_test_util.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kIn = 32;
constexpr int64_t kOut = 64;

// A base of three linears; every adapter targets modules 0 and 2.
class MergedWeightCacheTest : public ::testing::Test {
 protected:
  using Set = std::vector<WeightedKey>;

  MergedWeightCacheTest() {
    for (uint32_t i = 0; i < 3; ++i) {
      base_.push_back(Packed(RandomMatrix(kOut, kIn, 100 + i), at::kFloat));
    }
    for (const char* id : {"a", "b", "c"}) {
      handles_.push_back(device_.Add(
          KeyOf(id),
          RandomAdapter({{0, kIn, kOut, 4, 0.5f}, {2, kIn, kOut, 2, 2.0f}},
                        at::kFloat, static_cast<uint32_t>(id[0]))));
    }
    SetCapacity(2 * copy_bytes());
  }

  int64_t copy_bytes() const { return base_[0].bytes() + base_[2].bytes(); }

  // Copies are held for nobody, unless a test is about that.
  void SetCapacity(int64_t bytes, absl::Duration hold = absl::ZeroDuration()) {
    cache_ = std::make_unique<MergedWeightCache>(
        bytes,
        [this](int32_t index) -> const PackedWeight& {
          ++num_reads_;
          if (on_read_) on_read_();
          return base_[static_cast<size_t>(index)];
        },
        &device_.reclaimer(), &clock_, hold);
  }

  absl::StatusOr<MergedCopy> Merge(const Set& set, bool pinned = false) {
    return cache_->Merge(set, handles_, pinned);
  }

  static Set Of(absl::string_view id, float weight = 1.0f) {
    return {{KeyOf(id), weight}};
  }

  TestDevice device_;
  FakeClock clock_;
  std::vector<PackedWeight> base_;
  std::vector<AdapterHandle> handles_;
  std::atomic<int> num_reads_ = 0;
  std::function<void()> on_read_;
  std::unique_ptr<MergedWeightCache> cache_;
};

TEST_F(MergedWeightCacheTest, ACopyHoldsWhatTheSetTargets) {
  ASSERT_OK_AND_ASSIGN(const MergedCopy copy, Merge(Of("a")));
  EXPECT_EQ(copy.bytes, copy_bytes());
  EXPECT_EQ(copy.merged_id, MergedId(copy.set));
  EXPECT_FALSE(copy.pinned);
  EXPECT_GT(copy.max_relative_deviation, 0.0);
  EXPECT_LT(copy.max_relative_deviation, 1e-5);
  const auto pin = cache_->TryAcquire(Of("a"));
  ASSERT_NE(pin, nullptr);
  EXPECT_EQ(pin->weights().bytes(), copy_bytes());
  EXPECT_NE(pin->weights().module(0), nullptr);
  EXPECT_EQ(pin->weights().module(1), nullptr);
  EXPECT_NE(pin->weights().module(2), nullptr);
}

TEST_F(MergedWeightCacheTest, ACopyIsTheBasePlusTheWeightedDeltas) {
  const Set set = {{KeyOf("b"), -2.0f}, {KeyOf("a"), 0.5f}};
  ASSERT_OK(Merge(set));
  const auto pin = cache_->TryAcquire(set);
  ASSERT_NE(pin, nullptr);
  at::Tensor expected = base_[2].Unpack().to(at::kDouble);
  for (const auto& [handle, weight] :
       {std::pair(&handles_[0], 0.5), std::pair(&handles_[1], -2.0)}) {
    const auto* module =
        static_cast<const LoraWeights*>(handle->get())->module(2);
    expected = expected.add(module->b.Unpack()
                                .to(at::kDouble)
                                .matmul(module->a.Unpack().to(at::kDouble)),
                            weight * module->scaling);
  }
  EXPECT_LT(RelativeError(pin->weights().module(2)->Unpack(), expected), 1e-6);
}

TEST_F(MergedWeightCacheTest, TheBaseIsNeverWritten) {
  const at::Tensor before = base_[0].data().clone();
  ASSERT_OK(Merge(Of("a")));
  ASSERT_OK(cache_->Unmerge(Of("a")));
  EXPECT_TRUE(SameBits(base_[0].data(), before));
}

TEST_F(MergedWeightCacheTest, ASecondMergeFindsTheFirst) {
  const Set ab = {{KeyOf("a"), 1.0f}, {KeyOf("b"), 1.0f}};
  const Set ba = {{KeyOf("b"), 1.0f}, {KeyOf("a"), 1.0f}};
  ASSERT_OK_AND_ASSIGN(const MergedCopy first, Merge(ab));
  const int num_reads = num_reads_;
  ASSERT_OK_AND_ASSIGN(const MergedCopy second, Merge(ba));
  EXPECT_EQ(num_reads_, num_reads);
  EXPECT_EQ(second.merged_id, first.merged_id);
  EXPECT_TRUE(cache_->Contains(ba));
}

TEST_F(MergedWeightCacheTest, WhatIsNotMergedCannotBeAcquired) {
  ASSERT_OK(Merge(Of("a")));
  EXPECT_EQ(cache_->TryAcquire(Of("b")), nullptr);
  EXPECT_EQ(cache_->TryAcquire(Of("a", 0.5f)), nullptr);
  EXPECT_EQ(cache_->TryAcquire({}), nullptr);
  EXPECT_FALSE(cache_->Contains(Of("b")));
}

TEST_F(MergedWeightCacheTest, UnmergingGivesTheExactBytesBack) {
  ASSERT_OK(Merge(Of("a")));
  EXPECT_EQ(cache_->used_bytes(), copy_bytes());
  EXPECT_THAT(cache_->Unmerge(Of("a")), IsOkAndHolds(copy_bytes()));
  EXPECT_EQ(cache_->used_bytes(), 0);
  EXPECT_EQ(cache_->TryAcquire(Of("a")), nullptr);
  EXPECT_THAT(cache_->List(), IsEmpty());
}

TEST_F(MergedWeightCacheTest, UnmergingByIdIsUnmergingBySet) {
  ASSERT_OK_AND_ASSIGN(const MergedCopy copy, Merge(Of("a"), /*pinned=*/true));
  EXPECT_THAT(cache_->UnmergeById(copy.merged_id), IsOkAndHolds(copy_bytes()));
  EXPECT_FALSE(cache_->Contains(Of("a")));
}

TEST_F(MergedWeightCacheTest, UnmergingWhatIsNotMergedIsNotFound) {
  const auto by_set = cache_->Unmerge(Of("a"));
  EXPECT_THAT(by_set,
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kNotMerged));
  EXPECT_THAT(by_set, MessageIs(HasSubstr("\"a\"")));
  EXPECT_THAT(cache_->UnmergeById("0123"),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kNotMerged));
  ASSERT_OK(Merge(Of("a")));
  ASSERT_OK(cache_->Unmerge(Of("a")));
  EXPECT_THAT(cache_->Unmerge(Of("a")),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kNotMerged));
}

TEST_F(MergedWeightCacheTest, ACopyInUseIsHiddenNowAndFreedAfterItsLastPin) {
  ASSERT_OK(Merge(Of("a")));
  auto pin = cache_->TryAcquire(Of("a"));
  const PackedWeight* matrix = pin->weights().module(0);
  const at::Tensor before = matrix->Unpack();
  EXPECT_THAT(cache_->Unmerge(Of("a")), IsOkAndHolds(copy_bytes()));
  EXPECT_EQ(cache_->TryAcquire(Of("a")), nullptr);
  EXPECT_TRUE(SameBits(matrix->Unpack(), before));
  EXPECT_EQ(cache_->used_bytes(), copy_bytes());
  pin.reset();
  device_.reclaimer().Flush();
  EXPECT_EQ(cache_->used_bytes(), 0);
}

TEST_F(MergedWeightCacheTest, TheLeastRecentlyUsedCopyMakesRoom) {
  ASSERT_OK(Merge(Of("a")));
  ASSERT_OK(Merge(Of("b")));
  cache_->TryAcquire(Of("a")).reset();
  ASSERT_OK(Merge(Of("c")));
  EXPECT_TRUE(cache_->Contains(Of("a")));
  EXPECT_FALSE(cache_->Contains(Of("b")));
  EXPECT_EQ(cache_->List().size(), 2u);
  EXPECT_LE(cache_->used_bytes(), cache_->capacity_bytes());
}

TEST_F(MergedWeightCacheTest, AnEvictedCopyIsBuiltAgainBitForBit) {
  ASSERT_OK(Merge(Of("a")));
  const at::Tensor first =
      cache_->TryAcquire(Of("a"))->weights().module(0)->Unpack();
  ASSERT_OK(Merge(Of("b")));
  ASSERT_OK(Merge(Of("c")));
  ASSERT_FALSE(cache_->Contains(Of("a")));
  ASSERT_OK(Merge(Of("a")));
  EXPECT_TRUE(SameBits(
      cache_->TryAcquire(Of("a"))->weights().module(0)->Unpack(), first));
}

TEST_F(MergedWeightCacheTest, PinnedCopiesAreNotEvicted) {
  ASSERT_OK(Merge(Of("a"), /*pinned=*/true));
  ASSERT_OK(Merge(Of("b")));
  ASSERT_OK(Merge(Of("c")));
  EXPECT_TRUE(cache_->Contains(Of("a")));
  EXPECT_EQ(cache_->room_bytes(), copy_bytes());
}

TEST_F(MergedWeightCacheTest, MergingAgainCanPin) {
  ASSERT_OK(Merge(Of("a")));
  ASSERT_OK_AND_ASSIGN(const MergedCopy copy, Merge(Of("a"), /*pinned=*/true));
  EXPECT_TRUE(copy.pinned);
  ASSERT_OK_AND_ASSIGN(const MergedCopy same, Merge(Of("a")));
  EXPECT_TRUE(same.pinned);
  EXPECT_TRUE(cache_->List()[0].pinned);
}

TEST_F(MergedWeightCacheTest, WhatCanNeverFitIsExhausted) {
  ASSERT_OK(Merge(Of("a"), /*pinned=*/true));
  ASSERT_OK(Merge(Of("b"), /*pinned=*/true));
  const auto copy = Merge(Of("c"));
  EXPECT_THAT(copy, StatusIs(absl::StatusCode::kResourceExhausted,
                             ErrorReason::kQuota));
  EXPECT_THAT(copy, MessageIs(HasSubstr("--merged-memory")));
  SetCapacity(copy_bytes() - 1);
  EXPECT_THAT(Merge(Of("a")), StatusIs(absl::StatusCode::kResourceExhausted,
                                       ErrorReason::kQuota));
  EXPECT_EQ(cache_->used_bytes(), 0);
}

TEST_F(MergedWeightCacheTest, CopiesInUseMakeAMergeWait) {
  ASSERT_OK(Merge(Of("a")));
  ASSERT_OK(Merge(Of("b")));
  auto pin_a = cache_->TryAcquire(Of("a"));
  const auto pin_b = cache_->TryAcquire(Of("b"));
  EXPECT_THAT(Merge(Of("c")), StatusIs(absl::StatusCode::kUnavailable));
  std::atomic<bool> room = false;
  cache_->WaitForRoom(*CanonicalSet(Of("c")), handles_,
                      [&room] { room = true; });
  device_.reclaimer().Flush();
  EXPECT_FALSE(room);
  pin_a.reset();
  device_.reclaimer().Flush();
  EXPECT_TRUE(room);
  EXPECT_OK(Merge(Of("c")));
}

TEST_F(MergedWeightCacheTest, ACopyIsHeldForWhoMergedIt) {
  SetCapacity(copy_bytes(), absl::Seconds(1));
  for (const bool is_there : {false, true}) {
    ASSERT_OK(Merge(Of("a"))) << is_there;
    EXPECT_THAT(Merge(Of("b")), StatusIs(absl::StatusCode::kUnavailable));
    auto pin = cache_->TryAcquire(Of("a"));
    ASSERT_NE(pin, nullptr);
    EXPECT_THAT(Merge(Of("b")), StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_OK(Merge(Of("b")));  // Acquired and given back: no longer held.
}

TEST_F(MergedWeightCacheTest, ACopyThatNobodyComesForIsNotHeldForLong) {
  SetCapacity(copy_bytes(), absl::Seconds(1));
  ASSERT_OK(Merge(Of("a")));
  ASSERT_THAT(Merge(Of("b")), StatusIs(absl::StatusCode::kUnavailable));
  CallbackResult<bool> room;
  cache_->WaitForRoom(*CanonicalSet(Of("b")), handles_,
                      [done = room.Callback()] { done(true); });
  device_.reclaimer().Flush();
  EXPECT_FALSE(room.called());
  clock_.Advance(absl::Seconds(1));
  room.Await();
  EXPECT_OK(Merge(Of("b")));
}

TEST_F(MergedWeightCacheTest, AnUnmergeDoesNotWaitForAHold) {
  SetCapacity(copy_bytes(), absl::Seconds(1));
  ASSERT_OK(Merge(Of("a")));
  EXPECT_THAT(cache_->Unmerge(Of("a")), IsOkAndHolds(copy_bytes()));
  EXPECT_EQ(cache_->used_bytes(), 0);
}

TEST_F(MergedWeightCacheTest, AWaitThatAPinMakesHopelessEnds) {
  SetCapacity(copy_bytes());
  ASSERT_OK(Merge(Of("a")));
  const auto in_use = cache_->TryAcquire(Of("a"));
  ASSERT_THAT(Merge(Of("b")), StatusIs(absl::StatusCode::kUnavailable));
  CallbackResult<bool> again;
  cache_->WaitForRoom(*CanonicalSet(Of("b")), handles_,
                      [done = again.Callback()] { done(true); });
  ASSERT_OK(Merge(Of("a"), /*pinned=*/true));
  again.Await();
  EXPECT_THAT(Merge(Of("b")), StatusIs(absl::StatusCode::kResourceExhausted,
                                       ErrorReason::kQuota));
  // Who comes with an old answer is told at once.
  CallbackResult<bool> late;
  cache_->WaitForRoom(*CanonicalSet(Of("c")), handles_,
                      [done = late.Callback()] { done(true); });
  late.Await();
}

TEST_F(MergedWeightCacheTest, BadSetsAreRefused) {
  EXPECT_THAT(
      Merge({{KeyOf("a"), 1.0f}, {KeyOf("a"), 1.0f}}),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights));
  EXPECT_THAT(Merge({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                  ErrorReason::kWeights));
}

TEST_F(MergedWeightCacheTest, ReleasingAnAdapterDropsEveryCopyWithIt) {
  SetCapacity(4 * copy_bytes());
  ASSERT_OK(Merge(Of("a"), /*pinned=*/true));
  ASSERT_OK(Merge({{KeyOf("a"), 1.0f}, {KeyOf("b"), 1.0f}}));
  ASSERT_OK(Merge(Of("b")));
  EXPECT_EQ(cache_->ReleaseCopies(KeyOf("a")), 2 * copy_bytes());
  EXPECT_EQ(cache_->used_bytes(), copy_bytes());
  EXPECT_TRUE(cache_->Contains(Of("b")));
  EXPECT_EQ(cache_->List().size(), 1u);
  EXPECT_EQ(cache_->ReleaseCopies(KeyOf("a")), 0);
}

TEST_F(MergedWeightCacheTest, ACopyReleasedWhileItIsBuiltIsNotKept) {
  on_read_ = [this] { cache_->ReleaseCopies(KeyOf("a")); };
  EXPECT_THAT(Merge(Of("a")),
              StatusIs(absl::StatusCode::kAborted, ErrorReason::kAborted));
  EXPECT_EQ(cache_->used_bytes(), 0);  // Told when its memory is back.
  EXPECT_FALSE(cache_->Contains(Of("a")));
  on_read_ = nullptr;
  EXPECT_OK(Merge(Of("a")));
}

TEST_F(MergedWeightCacheTest, ConcurrentMergesOfOneSetBuildOnce) {
  ASSERT_OK(Merge(Of("b")));
  const int reads_of_one_build = num_reads_;
  num_reads_ = 0;
  std::vector<std::thread> threads;
  std::atomic<int> num_ok = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, &num_ok] {
      if (Merge(Of("a")).ok()) ++num_ok;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_ok, 4);
  EXPECT_EQ(num_reads_, reads_of_one_build);
}

}  // namespace
}  // namespace lora
