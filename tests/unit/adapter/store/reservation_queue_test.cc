// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/reservation_queue.h"

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/base/pinned_cache.h"
#include "server/base/reclaimer.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using Cache = PinnedCache<AdapterId, int>;
using Queue = ReservationQueue<Cache>;
using Result = CallbackResult<absl::StatusOr<Cache::Reservation>>;

class ReservationQueueTest : public ::testing::Test {
 protected:
  ~ReservationQueueTest() override { pool_.Stop(); }

  Cache::Handle Pin(const std::string& id, int64_t bytes) {
    return *cache_.Insert(AdapterId(id), std::make_unique<const int>(0),
                          *cache_.Reserve(bytes));
  }
  // Returns when the pool and the reclaimer have done what they had.
  void Settle() {
    for (int i = 0; i < 3; ++i) {
      reclaimer_.Flush();
      CallbackResult<bool> idle;
      pool_.Post([done = idle.Callback()] { done(true); });
      idle.Await();
    }
  }

  Reclaimer reclaimer_;
  TaskPool pool_{1};
  Queue queue_{&cache_, &pool_};
  Cache cache_{100, &reclaimer_};
};

TEST_F(ReservationQueueTest, RoomThatIsThereIsGivenAtOnce) {
  Result result;
  queue_.Reserve(100, result.Callback());
  ASSERT_OK(result.Await());
  EXPECT_EQ(result.Await()->bytes(), 100);
}

TEST_F(ReservationQueueTest, MoreThanTheCapacityIsRefused) {
  Result result;
  queue_.Reserve(101, result.Callback());
  EXPECT_THAT(result.Await(), StatusIs(absl::StatusCode::kResourceExhausted,
                                       ErrorReason::kQuota));
}

TEST_F(ReservationQueueTest, WhatDoesNotFitBesideWhatIsHeldLetsOthersPass) {
  const Cache::Handle held = Pin("held", 40);
  queue_.SetHeld(40);
  Result large;
  Result small;
  queue_.Reserve(65, large.Callback());
  queue_.Reserve(30, small.Callback());
  ASSERT_OK(small.Take());
  Settle();
  EXPECT_FALSE(large.called());
}

TEST_F(ReservationQueueTest, WhatIsHeldNoLongerIsServedInOrder) {
  Cache::Handle held = Pin("held", 40);
  queue_.SetHeld(40);
  Result large;
  queue_.Reserve(65, large.Callback());
  CallbackResult<bool> turn;
  queue_.TakeTurn([done = turn.Callback()]() mutable { done(true); }, 61);
  Result small;
  queue_.Reserve(10, small.Callback());
  ASSERT_OK(small.Take());  // Neither can be had now.
  Settle();
  EXPECT_FALSE(large.called());
  EXPECT_FALSE(turn.called());
  held.Reset();
  queue_.SetHeld(0);
  EXPECT_OK(large.Await());
  turn.Await();
}

TEST_F(ReservationQueueTest, AReservationWaitsForAnUnpin) {
  Cache::Handle pinned = Pin("a", 60);
  Result result;
  queue_.Reserve(50, result.Callback());
  Settle();
  EXPECT_FALSE(result.called());
  pinned.Reset();
  EXPECT_OK(result.Await());
}

TEST_F(ReservationQueueTest, ASmallOneDoesNotOvertakeALargeOne) {
  Cache::Handle pinned = Pin("a", 60);
  Result large;
  Result small;
  queue_.Reserve(80, large.Callback());
  queue_.Reserve(10, small.Callback());
  Settle();
  EXPECT_FALSE(small.called());
  pinned.Reset();
  EXPECT_OK(large.Await());
  EXPECT_OK(small.Await());
}

TEST_F(ReservationQueueTest, WhoGivesUpLetsTheNextOneIn) {
  Cache::Handle pinned = Pin("a", 60);
  Result large;
  Result small;
  const Queue::Ticket ticket = queue_.Reserve(80, large.Callback());
  queue_.Reserve(10, small.Callback());
  Settle();
  queue_.Fail(ticket, absl::AbortedError("gives up"));
  EXPECT_THAT(large.Await(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(small.Await());
}

TEST_F(ReservationQueueTest, FailingWhatWasServedDoesNothing) {
  Result result;
  const Queue::Ticket ticket = queue_.Reserve(10, result.Callback());
  ASSERT_OK(result.Await());
  queue_.Fail(ticket, absl::AbortedError("too late"));
  Settle();
  EXPECT_OK(result.Await());
}

TEST_F(ReservationQueueTest, ATurnComesWhenAllBeforeItWereServed) {
  Cache::Handle pinned = Pin("a", 60);
  Result before;
  CallbackResult<bool> turn;
  queue_.Reserve(80, before.Callback());
  queue_.TakeTurn([begin = turn.Callback()] { begin(true); });
  Settle();
  EXPECT_FALSE(turn.called());
  pinned.Reset();
  EXPECT_OK(before.Await());
  turn.Await();
}

TEST_F(ReservationQueueTest, DuringATurnOnlyWhatIsExpeditedIsServed) {
  CallbackResult<bool> begun;
  const Queue::Ticket turn =
      queue_.TakeTurn([begin = begun.Callback()] { begin(true); });
  begun.Await();
  Result other;
  Result member;
  Result late_member;
  queue_.Reserve(10, other.Callback());
  const Queue::Ticket ticket = queue_.Reserve(10, member.Callback());
  queue_.Reserve(10, late_member.Callback(), turn);
  EXPECT_OK(late_member.Await());
  EXPECT_FALSE(member.called());
  queue_.Expedite(ticket, turn);
  EXPECT_OK(member.Await());
  Settle();
  EXPECT_FALSE(other.called());
  queue_.EndTurn(turn);
  EXPECT_OK(other.Await());
}

TEST_F(ReservationQueueTest, ATurnOfAnotherServesNothing) {
  CallbackResult<bool> first_begun;
  CallbackResult<bool> second_begun;
  const Queue::Ticket first =
      queue_.TakeTurn([begin = first_begun.Callback()] { begin(true); });
  const Queue::Ticket second =
      queue_.TakeTurn([begin = second_begun.Callback()] { begin(true); });
  first_begun.Await();
  Result result;
  queue_.Reserve(10, result.Callback(), second);
  Settle();
  EXPECT_FALSE(second_begun.called());
  EXPECT_FALSE(result.called());
  queue_.EndTurn(first);
  second_begun.Await();
  EXPECT_OK(result.Await());
}

TEST_F(ReservationQueueTest, ATurnThatIsGivenUpNeverComes) {
  Cache::Handle pinned = Pin("a", 60);
  Result before;
  Result after;
  queue_.Reserve(80, before.Callback());
  const Queue::Ticket turn =
      queue_.TakeTurn([] { ADD_FAILURE() << "it was given up"; });
  queue_.Reserve(10, after.Callback());
  queue_.EndTurn(turn);
  pinned.Reset();
  EXPECT_OK(before.Await());
  EXPECT_OK(after.Await());
}

TEST_F(ReservationQueueTest, CloseFailsWhoWaitsAndWhoComes) {
  Cache::Handle pinned = Pin("a", 60);
  Result waiting;
  Result late;
  queue_.Reserve(80, waiting.Callback());
  Settle();
  queue_.Close(absl::CancelledError("stopping"));
  queue_.Reserve(1, late.Callback());
  EXPECT_THAT(waiting.Await(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(late.Await(), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace lora
