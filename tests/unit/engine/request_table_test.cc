// SPDX-License-Identifier: Apache-2.0
#include "server/engine/request_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "server/base/error.h"
#include "tests/fakes/fake_clock.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NullSink final : public TokenSink {
 public:
  void OnDelta(GenerationDelta) override {}
  void OnFinish(absl::StatusOr<GenerationResult>) override {}
};

std::shared_ptr<TokenSink> Sink() { return std::make_shared<NullSink>(); }
void Nothing() {}

const AdapterKey kKey{.id = AdapterId("a"), .digest = "d"};

TEST(RequestTableTest, ARequestIsQueuedUntilItRuns) {
  RequestTable table(10);
  const SequenceId id = table.Announce();
  ASSERT_TRUE(table.Begin(id, {}, Sink()).ok());
  EXPECT_EQ(table.num_queued(), 1);
  ASSERT_TRUE(table.HandOver(id, {}, Nothing));
  table.MarkRunning(id);
  table.MarkRunning(id);
  EXPECT_EQ(table.num_queued(), 0);
  EXPECT_NE(table.Remove(id), nullptr);
  EXPECT_EQ(table.num_queued(), 0);
}

TEST(RequestTableTest, AFullQueueRefusesWithAReason) {
  RequestTable table(1);
  ASSERT_TRUE(table.Begin(table.Announce(), {}, Sink()).ok());
  const absl::Status refused = table.Begin(table.Announce(), {}, Sink());
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorReason(refused), ErrorReason::kQueue);
}

TEST(RequestTableTest, AFullQueueStillTakesAnAdapterThatHasNoneWaiting) {
  RequestTable table(1);
  const SequenceId busy = table.Announce();
  ASSERT_TRUE(table.Begin(busy, {AdapterId("busy")}, Sink()).ok());
  const SequenceId quiet = table.Announce();
  EXPECT_TRUE(table.Begin(quiet, {AdapterId("quiet")}, Sink()).ok());
  EXPECT_EQ(GetErrorReason(
                table.Begin(table.Announce(), {AdapterId("quiet")}, Sink())),
            ErrorReason::kQueue);
  // What leaves the queue by running or by ending makes room again.
  table.MarkRunning(quiet);
  table.Remove(busy);
  EXPECT_EQ(table.num_queued(), 0);
}

TEST(RequestTableTest, TheOrderInWhichAdaptersAreNamedMakesNoOtherSet) {
  const AdapterId a("a");
  const AdapterId b("b");
  RequestTable table(1);
  const SequenceId id = table.Announce();
  ASSERT_TRUE(table.Begin(id, {a, b}, Sink()).ok());
  EXPECT_EQ(GetErrorReason(table.Begin(table.Announce(), {b, a}, Sink())),
            ErrorReason::kQueue);
  table.Remove(id);
  EXPECT_EQ(table.num_queued(), 0);
}

TEST(RequestTableTest, ACancelBeforeSubmitIsNotLost) {
  RequestTable table(1);
  const SequenceId id = table.Announce();
  EXPECT_EQ(table.RequestEnd(id).sink, nullptr);
  EXPECT_EQ(table.Begin(id, {}, Sink()).code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(table.All().empty());
}

TEST(RequestTableTest, APreparingRequestIsEndedByWhoeverAsksFirst) {
  RequestTable table(1);
  const SequenceId id = table.Announce();
  ASSERT_TRUE(table.Begin(id, {}, Sink()).ok());
  ASSERT_TRUE(table.SetLeaseWait(id, WaitId(7)));
  const auto first = table.RequestEnd(id);
  EXPECT_NE(first.sink, nullptr);
  EXPECT_EQ(first.lease_wait, WaitId(7));
  EXPECT_EQ(table.RequestEnd(id).sink, nullptr);
  bool handed_over = false;
  EXPECT_FALSE(table.HandOver(id, {}, [&] { handed_over = true; }));
  EXPECT_FALSE(handed_over);
  EXPECT_FALSE(table.SetLeaseWait(id, WaitId(8)));
}

TEST(RequestTableTest, AScheduledRequestIsEndedByTheLoopAlone) {
  RequestTable table(1);
  const SequenceId id = table.Announce();
  ASSERT_TRUE(table.Begin(id, {}, Sink()).ok());
  ASSERT_TRUE(table.HandOver(id, {kKey}, Nothing));
  const auto action = table.RequestEnd(id);
  EXPECT_TRUE(action.scheduled);
  EXPECT_EQ(action.sink, nullptr);
  EXPECT_NE(table.Remove(id), nullptr);
  EXPECT_EQ(table.Remove(id), nullptr);
}

TEST(RequestTableTest, UsersOfNamesTheScheduledRequestsOfAnAdapter) {
  RequestTable table(4);
  const SequenceId user = table.Announce();
  const SequenceId other = table.Announce();
  ASSERT_TRUE(table.Begin(user, {}, Sink()).ok());
  ASSERT_TRUE(table.Begin(other, {}, Sink()).ok());
  ASSERT_TRUE(table.HandOver(user, {kKey}, Nothing));
  ASSERT_TRUE(table.HandOver(other, {}, Nothing));
  EXPECT_THAT(table.UsersOf(kKey), ElementsAre(user));
  EXPECT_THAT(table.UsersOf({.id = AdapterId("b")}), IsEmpty());
}

// It may hold a lease that it is about to hand over.
TEST(RequestTableTest, UsersOfNamesThePreparingRequestsThatNameAnAdapter) {
  RequestTable table(4);
  const SequenceId user = table.Announce();
  const SequenceId other = table.Announce();
  table.Announce();
  ASSERT_TRUE(table.Begin(user, {kKey.id}, Sink()).ok());
  ASSERT_TRUE(table.Begin(other, {AdapterId("b")}, Sink()).ok());
  EXPECT_THAT(table.UsersOf(kKey), ElementsAre(user));
  ASSERT_TRUE(table.HandOver(user, {{kKey.id, "another version"}}, Nothing));
  EXPECT_THAT(table.UsersOf(kKey), IsEmpty());
}

TEST(RequestTableTest, TheDeadlinesTimerGoesWithTheRequest) {
  FakeClock clock;
  TimerQueue timers(&clock);
  RequestTable table(4);
  const auto begin = [&](TimerId& timer) {
    const SequenceId id = table.Announce();
    EXPECT_TRUE(table.Begin(id, {}, Sink()).ok());
    timer = timers.Schedule(clock.Now() + absl::Hours(1), [] {});
    table.SetDeadline(id, ScopedTimer(&timers, timer));
    return id;
  };
  TimerId ended;
  TimerId removed;
  TimerId live;
  table.RequestEnd(begin(ended));
  table.Remove(begin(removed));
  const SequenceId id = begin(live);
  EXPECT_FALSE(timers.Cancel(ended));
  EXPECT_FALSE(timers.Cancel(removed));
  EXPECT_TRUE(timers.Cancel(live));
  table.Remove(id);
  const TimerId late = timers.Schedule(clock.Now() + absl::Hours(1), [] {});
  table.SetDeadline(id, ScopedTimer(&timers, late));
  EXPECT_FALSE(timers.Cancel(late));
}

TEST(RequestTableTest, AClosedTableRefusesAndEmpties) {
  RequestTable table(4);
  const SequenceId id = table.Announce();
  ASSERT_TRUE(table.Begin(id, {}, Sink()).ok());
  table.Close();
  const absl::Status refused = table.Begin(table.Announce(), {}, Sink());
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetErrorReason(refused), ErrorReason::kDraining);
  EXPECT_FALSE(table.WaitUntilEmpty(absl::InfinitePast()));
  std::thread remover([&] { table.Remove(id); });
  EXPECT_TRUE(table.WaitUntilEmpty(absl::InfiniteFuture()));
  remover.join();
}

TEST(RequestTableTest, EveryRequestEndsOnceWhateverRaces) {
  constexpr int kRequests = 500;
  RequestTable table(kRequests);
  std::vector<SequenceId> ids;
  for (int i = 0; i < kRequests; ++i) {
    ids.push_back(table.Announce());
    ASSERT_TRUE(table.Begin(ids.back(), {}, Sink()).ok());
  }
  std::atomic<int> ended{0};
  const auto end_all = [&] {
    for (const SequenceId id : ids) {
      const auto action = table.RequestEnd(id);
      if (action.sink != nullptr) ++ended;
      if (action.scheduled && table.Remove(id) != nullptr) ++ended;
    }
  };
  std::thread scheduler([&] {
    for (const SequenceId id : ids) table.HandOver(id, {kKey}, Nothing);
  });
  std::thread a(end_all);
  std::thread b(end_all);
  scheduler.join();
  a.join();
  b.join();
  EXPECT_EQ(ended.load(), kRequests);
  EXPECT_TRUE(table.WaitUntilEmpty(absl::InfinitePast()));
}

}  // namespace
}  // namespace lora
