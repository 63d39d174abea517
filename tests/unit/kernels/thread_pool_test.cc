// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

namespace lora {
namespace {

TEST(ThreadPoolTest, APoolOfOneRunsTheTaskOnTheCallingThread) {
  ThreadPool pool(1);
  EXPECT_EQ(pool.size(), 1);
  std::thread::id ran_on;
  pool.Run([&](int worker) {
    EXPECT_EQ(worker, 0);
    pool.Barrier();
    ran_on = std::this_thread::get_id();
  });
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(ThreadPoolTest, RunsTheTaskOnceForEveryWorker) {
  ThreadPool pool(4);
  ASSERT_EQ(pool.size(), 4);
  std::vector<int> calls(4);
  std::vector<std::thread::id> ran_on(4);
  pool.Run([&](int worker) {
    ++calls[worker];
    ran_on[worker] = std::this_thread::get_id();
  });
  EXPECT_EQ(calls, std::vector<int>({1, 1, 1, 1}));
  EXPECT_EQ(ran_on[0], std::this_thread::get_id());
  for (int worker = 1; worker < 4; ++worker) {
    EXPECT_NE(ran_on[worker], ran_on[worker - 1]);
  }
}

TEST(ThreadPoolTest, RunReturnsAfterTheLastWorker) {
  ThreadPool pool(3);
  std::vector<int> values(3);
  for (int round = 1; round <= 2000; ++round) {
    pool.Run([&](int worker) { values[worker] = round; });
    // Plain memory: what the workers wrote is visible here.
    ASSERT_EQ(std::accumulate(values.begin(), values.end(), 0), 3 * round);
  }
}

TEST(ThreadPoolTest, BarrierWaitsForEveryWorker) {
  constexpr int kWorkers = 3;
  constexpr int kRounds = 2000;
  ThreadPool pool(kWorkers);
  std::vector<int> progress(kWorkers);
  std::atomic<int> errors = 0;
  pool.Run([&](int worker) {
    for (int round = 1; round <= kRounds; ++round) {
      progress[worker] = round;
      pool.Barrier();
      for (const int other : progress) errors += other != round;
      // Nobody starts the next round while others still look.
      pool.Barrier();
    }
  });
  EXPECT_EQ(errors, 0);
}

TEST(ThreadPoolTest, SleepingWorkersWakeForTheNextTask) {
  ThreadPool pool(2);
  std::atomic<int> calls = 0;
  for (int round = 0; round < 3; ++round) {
    // Longer than workers spin.
    std::vector<int> busy(1 << 20, round);
    const int sum = std::accumulate(busy.begin(), busy.end(), 0);
    pool.Run([&](int) { calls += sum == round << 20; });
  }
  EXPECT_EQ(calls, 6);
}

TEST(ThreadPoolTest, MoreThreadsThanProcessorsMakeProgress) {
  ThreadPool pool(16);
  std::atomic<int> calls = 0;
  for (int round = 0; round < 50; ++round) {
    pool.Run([&](int) {
      ++calls;
      pool.Barrier();
    });
  }
  EXPECT_EQ(calls, 16 * 50);
}

TEST(ThreadPoolTest, AnUnusedPoolStops) {
  for (int threads = 1; threads < 5; ++threads) ThreadPool pool(threads);
}

}  // namespace
}  // namespace lora
