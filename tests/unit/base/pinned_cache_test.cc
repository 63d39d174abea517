// SPDX-License-Identifier: Apache-2.0
#include "server/base/pinned_cache.h"

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/ids.h"
#include "server/base/reclaimer.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

// Counts the bytes of living values, as an allocator would.
class Value {
 public:
  Value(std::atomic<int64_t>* live_bytes, int64_t bytes)
      : live_bytes_(live_bytes), bytes_(bytes) {
    *live_bytes_ += bytes_;
  }
  ~Value() {
    *live_bytes_ -= bytes_;
    died_on_ = std::this_thread::get_id();
  }
  static std::thread::id died_on() { return died_on_; }

 private:
  static inline std::atomic<std::thread::id> died_on_;
  std::atomic<int64_t>* live_bytes_;
  int64_t bytes_;
};

using Cache = PinnedCache<AdapterId, Value>;

class PinnedCacheTest : public ::testing::Test {
 protected:
  static constexpr int64_t kCapacity = 100;

  ~PinnedCacheTest() override { EXPECT_OK(cache_.CheckIntegrity()); }

  absl::StatusOr<Cache::Handle> Add(const std::string& id, int64_t bytes) {
    LORA_ASSIGN_OR_RETURN(Cache::Reservation reservation,
                          cache_.Reserve(bytes));
    auto value = std::make_unique<const Value>(&live_bytes_, bytes);
    return cache_.Insert(AdapterId(id), std::move(value),
                         std::move(reservation));
  }
  bool Cached(const std::string& id) { return cache_.Contains(AdapterId(id)); }

  std::atomic<int64_t> live_bytes_{0};
  Reclaimer reclaimer_;
  Cache cache_{kCapacity, &reclaimer_};
};

TEST_F(PinnedCacheTest, PinnedEntriesAreNotEvicted) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 60));
  EXPECT_THAT(Add("b", 60), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(Cached("a"));
  a.Reset();
  EXPECT_OK(Add("b", 60));
  EXPECT_FALSE(Cached("a"));
  EXPECT_EQ(cache_.num_evictions(), 1);
}

TEST_F(PinnedCacheTest, AFailedReservationEvictsNothing) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 60));
  ASSERT_OK(Add("b", 40));
  EXPECT_THAT(cache_.Reserve(50), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(Cached("b"));
}

TEST_F(PinnedCacheTest, MoreThanTheCapacityIsRefusedForGood) {
  EXPECT_THAT(
      cache_.Reserve(kCapacity + 1),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
}

TEST_F(PinnedCacheTest, TheOldestReleaseIsEvictedFirst) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 40));
  ASSERT_OK_AND_ASSIGN(Cache::Handle b, Add("b", 40));
  b.Reset();
  a.Reset();
  ASSERT_OK(Add("c", 40));
  EXPECT_TRUE(Cached("a"));
  EXPECT_FALSE(Cached("b"));
}

TEST_F(PinnedCacheTest, EachEvictionIsToldAndNothingElse) {
  std::vector<std::pair<AdapterId, int64_t>> told;
  Cache cache(kCapacity, &reclaimer_,
              [&told](const AdapterId& id, int64_t bytes) {
                told.emplace_back(id, bytes);
              });
  for (const auto& [id, bytes] :
       {std::pair("a", 30), std::pair("b", 40), std::pair("c", 30)}) {
    ASSERT_OK_AND_ASSIGN(Cache::Reservation reservation, cache.Reserve(bytes));
    ASSERT_OK(cache.Insert(AdapterId(id),
                           std::make_unique<const Value>(&live_bytes_, bytes),
                           std::move(reservation)));
  }
  cache.Doom(AdapterId("c"));
  reclaimer_.Flush();
  EXPECT_TRUE(told.empty());
  ASSERT_OK(cache.Reserve(100));
  EXPECT_THAT(told, ::testing::ElementsAre(std::pair(AdapterId("a"), 30),
                                           std::pair(AdapterId("b"), 40)));
}

TEST_F(PinnedCacheTest, AUseMovesAnEntryToTheEndOfTheOrder) {
  ASSERT_OK(Add("a", 40));
  ASSERT_OK(Add("b", 40));
  cache_.Lookup(AdapterId("a")).Reset();
  ASSERT_OK(Add("c", 40));
  EXPECT_TRUE(Cached("a"));
  EXPECT_FALSE(Cached("b"));
}

TEST_F(PinnedCacheTest, LookingWhetherAKeyIsCachedIsNoUse) {
  ASSERT_OK(Add("a", 40));
  ASSERT_OK(Add("b", 40));
  EXPECT_TRUE(Cached("a"));
  ASSERT_OK(Add("c", 40));
  EXPECT_FALSE(Cached("a"));
}

TEST_F(PinnedCacheTest, TheGivenOrderDecidesWhoGoes) {
  class GreatestFirst final : public EvictionOrder<AdapterId> {
   public:
    void Insert(const AdapterId& key) override { keys_.insert(key); }
    void Erase(const AdapterId& key) override { keys_.erase(key); }
    const AdapterId& First() const override { return *keys_.rbegin(); }
    size_t size() const override { return keys_.size(); }

   private:
    std::set<AdapterId> keys_;
  };
  std::vector<AdapterId> evicted;
  PinnedCache<AdapterId, int> cache(
      2, &reclaimer_,
      [&evicted](const AdapterId& id, int64_t) { evicted.push_back(id); },
      std::make_unique<GreatestFirst>());
  for (const char* id : {"b", "a", "c"}) {
    ASSERT_OK_AND_ASSIGN(auto reservation, cache.Reserve(1));
    ASSERT_OK(cache.Insert(AdapterId(id), std::make_unique<const int>(0),
                           std::move(reservation)));
  }
  EXPECT_TRUE(cache.Contains(AdapterId("a")));
  EXPECT_EQ(evicted, std::vector<AdapterId>{AdapterId("b")});
}

TEST_F(PinnedCacheTest, AnUnusedReservationIsGivenBack) {
  {
    ASSERT_OK_AND_ASSIGN(const Cache::Reservation r, cache_.Reserve(80));
    EXPECT_EQ(cache_.usage().reserved, 80);
  }
  EXPECT_EQ(cache_.used_bytes(), 0);
}

TEST_F(PinnedCacheTest, ADuplicateInsertGivesBackValueAndReservation) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 40));
  EXPECT_THAT(Add("a", 40), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(cache_.used_bytes(), 40);
  EXPECT_EQ(live_bytes_, 40);
}

TEST_F(PinnedCacheTest, EvictedValuesAreDeadWhenReserveReturns) {
  ASSERT_OK(Add("a", 60));
  ASSERT_OK_AND_ASSIGN(const Cache::Reservation r, cache_.Reserve(60));
  EXPECT_EQ(live_bytes_, 0);
  EXPECT_EQ(cache_.usage().reserved, 60);
}

TEST_F(PinnedCacheTest, AHandleReadsItsValueAndMoves) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 40));
  EXPECT_EQ(a.key(), AdapterId("a"));
  EXPECT_EQ(a.charge(), 40);
  const Value* const value = a.get();
  Cache::Handle b = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): the promise.
  EXPECT_EQ(b.get(), value);
  EXPECT_EQ(&*b, value);
  EXPECT_EQ(cache_.usage().pinned, 40);
  b = Cache::Handle();
  EXPECT_EQ(cache_.usage().evictable, 40);
  EXPECT_EQ(b.get(), nullptr);
}

TEST_F(PinnedCacheTest, AnEntryStaysPinnedUntilItsLastHandleIsGone) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 40));
  Cache::Handle b = cache_.Lookup(AdapterId("a"));
  a.Reset();
  EXPECT_EQ(cache_.usage().pinned, 40);
  b.Reset();
  EXPECT_EQ(cache_.usage().pinned, 0);
}

TEST_F(PinnedCacheTest, DoomHidesAtOnceAndFreesAfterTheLastUnpin) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 40));
  std::optional<int64_t> freed;
  EXPECT_EQ(cache_.Doom(AdapterId("a"), [&](int64_t bytes) { freed = bytes; }),
            40);
  EXPECT_FALSE(Cached("a"));
  EXPECT_FALSE(cache_.Lookup(AdapterId("a")));
  reclaimer_.Flush();
  EXPECT_EQ(freed, std::nullopt);
  EXPECT_EQ(cache_.used_bytes(), 40);
  a.Reset();
  reclaimer_.Flush();
  EXPECT_EQ(freed, 40);
  EXPECT_EQ(live_bytes_, 0);
  EXPECT_EQ(cache_.used_bytes(), 0);
}

TEST_F(PinnedCacheTest, ADoomedKeyCanBeInsertedAgain) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle old, Add("a", 40));
  cache_.Doom(AdapterId("a"));
  ASSERT_OK_AND_ASSIGN(Cache::Handle young, Add("a", 30));
  EXPECT_NE(old.get(), young.get());
  EXPECT_EQ(cache_.usage().pinned, 70);
  EXPECT_OK(cache_.CheckIntegrity());
  old.Reset();
  reclaimer_.Flush();
  EXPECT_TRUE(Cached("a"));
  EXPECT_EQ(cache_.used_bytes(), 30);
}

TEST_F(PinnedCacheTest, DoomOfAnUnpinnedEntryReportsItsBytes) {
  ASSERT_OK(Add("a", 40));
  std::optional<int64_t> freed;
  cache_.Doom(AdapterId("a"), [&](int64_t bytes) { freed = bytes; });
  reclaimer_.Flush();
  EXPECT_EQ(freed, 40);
  EXPECT_EQ(cache_.used_bytes(), 0);
}

TEST_F(PinnedCacheTest, DoomOfAnAbsentKeyReportsZeroAtOnce) {
  std::optional<int64_t> freed;
  EXPECT_EQ(cache_.Doom(AdapterId("a"), [&](int64_t bytes) { freed = bytes; }),
            0);
  EXPECT_EQ(freed, 0);
}

TEST_F(PinnedCacheTest, ReleasingNeverDestroysOnTheReleasingThread) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 40));
  cache_.Doom(AdapterId("a"));
  a.Reset();
  reclaimer_.Flush();
  EXPECT_EQ(live_bytes_, 0);
  EXPECT_NE(Value::died_on(), std::this_thread::get_id());
}

TEST_F(PinnedCacheTest, AWaiterIsCalledOnceWhenAnUnpinMakesRoom) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 60));
  ASSERT_OK_AND_ASSIGN(Cache::Handle b, Add("b", 40));
  int calls = 0;
  cache_.WaitForRoom(50, [&] { ++calls; });
  b.Reset();  // Not enough.
  reclaimer_.Flush();
  EXPECT_EQ(calls, 0);
  a.Reset();
  reclaimer_.Flush();
  EXPECT_EQ(calls, 1);
  cache_.Lookup(AdapterId("a")).Reset();
  reclaimer_.Flush();
  EXPECT_EQ(calls, 1);
}

TEST_F(PinnedCacheTest, AWaiterIsCalledWhenDoomOrReservationGivesBack) {
  ASSERT_OK_AND_ASSIGN(Cache::Handle a, Add("a", 60));
  std::optional<Cache::Reservation> r = *cache_.Reserve(40);
  int calls = 0;
  cache_.WaitForRoom(40, [&] { ++calls; });
  r.reset();
  reclaimer_.Flush();
  EXPECT_EQ(calls, 1);
  cache_.WaitForRoom(kCapacity, [&] { ++calls; });
  cache_.Doom(AdapterId("a"));
  a.Reset();
  reclaimer_.Flush();  // Destroys the value, which calls the waiter
  reclaimer_.Flush();  // behind what was posted before.
  EXPECT_EQ(calls, 2);
}

TEST_F(PinnedCacheTest, AWaiterThatFitsAlreadyIsCalled) {
  int calls = 0;
  cache_.WaitForRoom(kCapacity, [&] { ++calls; });
  reclaimer_.Flush();
  EXPECT_EQ(calls, 1);
}

// Random operations against a reference that only counts.
TEST_F(PinnedCacheTest, RandomOperationsKeepEveryCounterExact) {
  std::mt19937 random(7);
  std::vector<Cache::Handle> handles;
  for (int step = 0; step < 3000; ++step) {
    const std::string id(1, static_cast<char>('a' + random() % 12));
    const uint32_t action = random() % 10;
    if (action < 4) {
      if (Cache::Handle handle = cache_.Lookup(AdapterId(id))) {
        handles.push_back(std::move(handle));
      } else if (auto added = Add(id, 1 + random() % 30); added.ok()) {
        handles.push_back(*std::move(added));
      }
    } else if (action < 8 && !handles.empty()) {
      std::swap(handles[random() % handles.size()], handles.back());
      handles.pop_back();
    } else if (action == 8) {
      cache_.Doom(AdapterId(id));
    }
    ASSERT_OK(cache_.CheckIntegrity());
    reclaimer_.Flush();
    ASSERT_EQ(cache_.used_bytes(), live_bytes_);
  }
  EXPECT_GT(cache_.num_evictions(), 0);
  handles.clear();
  for (char id = 'a'; id < 'm'; ++id) {
    cache_.Doom(AdapterId(std::string(1, id)));
  }
  reclaimer_.Flush();
  EXPECT_EQ(cache_.used_bytes(), 0);
}

TEST_F(PinnedCacheTest, ManyThreadsNeverHoldMoreThanTheCapacity) {
  std::atomic<int64_t> hits{0};
  std::atomic<int64_t> overshoots{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 2000; ++i) {
        const std::string id(1, static_cast<char>('a' + random() % 16));
        Cache::Handle handle = cache_.Lookup(AdapterId(id));
        if (handle) {
          EXPECT_EQ(handle.key(), AdapterId(id));
          ++hits;
        } else {
          (void)Add(id, 5 + random() % 20);
        }
        if (random() % 8 == 0) cache_.Doom(AdapterId(id));
        if (live_bytes_ > kCapacity) ++overshoots;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  reclaimer_.Flush();
  EXPECT_GT(hits, 0);
  EXPECT_EQ(overshoots, 0);
  EXPECT_EQ(cache_.used_bytes(), live_bytes_);
}

// Every waiter gets in at last, though only one fits at a time.
TEST_F(PinnedCacheTest, WaitingThreadsAllGetRoomInTheEnd) {
  std::vector<std::thread> threads;
  std::atomic<int> served{0};
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      absl::StatusOr<Cache::Handle> handle = Add(std::to_string(t), 70);
      while (absl::IsUnavailable(handle.status())) {
        std::promise<void> room;
        cache_.WaitForRoom(70, [&room] { room.set_value(); });
        room.get_future().wait();
        handle = Add(std::to_string(t), 70);
      }
      EXPECT_OK(handle);
      ++served;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, 6);
}

}  // namespace
}  // namespace lora
