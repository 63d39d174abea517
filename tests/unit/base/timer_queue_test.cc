// SPDX-License-Identifier: Apache-2.0
#include "server/base/timer_queue.h"

#include <atomic>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/callback_result.h"

namespace lora {
namespace {

class TimerQueueTest : public ::testing::Test {
 protected:
  // Returns when every callback that is due has been called.
  void Settle() {
    CallbackResult<bool> last;
    timers_.Schedule(clock_.Now(), [done = last.Callback()] { done(true); });
    last.Await();
  }

  FakeClock clock_;
  TimerQueue timers_{&clock_};
};

TEST_F(TimerQueueTest, ACallbackComesWhenItsTimeHasCome) {
  std::atomic<int> calls{0};
  timers_.Schedule(clock_.Now() + absl::Seconds(10), [&] { ++calls; });
  clock_.Advance(absl::Seconds(9));
  Settle();
  EXPECT_EQ(calls, 0);
  clock_.Advance(absl::Seconds(1));
  Settle();
  EXPECT_EQ(calls, 1);
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_EQ(calls, 1);
}

TEST_F(TimerQueueTest, CallbacksComeInOrderOfTheirTimes) {
  std::string order;
  const absl::Time now = clock_.Now();
  timers_.Schedule(now + absl::Seconds(2), [&] { order += "c"; });
  timers_.Schedule(now + absl::Seconds(1), [&] { order += "a"; });
  timers_.Schedule(now + absl::Seconds(1), [&] { order += "b"; });
  clock_.Advance(absl::Seconds(2));
  Settle();
  EXPECT_EQ(order, "abc");
}

TEST_F(TimerQueueTest, APastTimeIsNow) {
  CallbackResult<bool> called;
  timers_.Schedule(absl::InfinitePast(),
                   [done = called.Callback()] { done(true); });
  EXPECT_TRUE(called.Await());
}

TEST_F(TimerQueueTest, ACancelledCallbackDoesNotCome) {
  std::atomic<int> calls{0};
  const TimerId id =
      timers_.Schedule(clock_.Now() + absl::Seconds(1), [&] { ++calls; });
  EXPECT_TRUE(timers_.Cancel(id));
  EXPECT_FALSE(timers_.Cancel(id));
  clock_.Advance(absl::Seconds(1));
  Settle();
  EXPECT_EQ(calls, 0);
}

TEST_F(TimerQueueTest, CancelSaysWhenItIsTooLate) {
  CallbackResult<bool> called;
  const TimerId id = timers_.Schedule(
      clock_.Now(), [done = called.Callback()] { done(true); });
  called.Await();
  EXPECT_FALSE(timers_.Cancel(id));
}

TEST_F(TimerQueueTest, ACallbackMaySchedule) {
  CallbackResult<bool> called;
  timers_.Schedule(clock_.Now(), [&] {
    timers_.Schedule(clock_.Now(), [done = called.Callback()] { done(true); });
  });
  EXPECT_TRUE(called.Await());
}

TEST_F(TimerQueueTest, StopDropsWhatIsNotDue) {
  std::atomic<int> calls{0};
  timers_.Schedule(clock_.Now() + absl::Seconds(1), [&] { ++calls; });
  timers_.Schedule(absl::InfiniteFuture(), [&] { ++calls; });
  timers_.Stop();
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(calls, 0);
}

TEST(RealClockTest, ATimerFollowsTheWallClock) {
  const RealClock clock;
  TimerQueue timers(&clock);
  CallbackResult<absl::Time> called;
  const absl::Time due = clock.Now() + absl::Milliseconds(5);
  timers.Schedule(due, [&, done = called.Callback()] { done(clock.Now()); });
  EXPECT_GE(called.Await(), due);
}

}  // namespace
}  // namespace lora
