// SPDX-License-Identifier: Apache-2.0
#include "server/base/task_pool.h"

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(TaskPoolTest, OneThreadRunsTasksInOrder) {
  std::vector<int> seen;
  TaskPool pool(1);
  for (int i = 0; i < 100; ++i) {
    pool.Post([&seen, i] { seen.push_back(i); });
  }
  pool.Stop();
  ASSERT_EQ(seen.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[i], i);
}

TEST(TaskPoolTest, TwoThreadsRunTwoTasksAtOnce) {
  TaskPool pool(2);
  std::promise<void> first_runs;
  std::promise<void> second_ran;
  pool.Post([&] {
    first_runs.set_value();
    second_ran.get_future().wait();
  });
  first_runs.get_future().wait();
  pool.Post([&] { second_ran.set_value(); });
  pool.Stop();  // Would hang if the second waited for the first.
}

TEST(TaskPoolTest, StopRunsAlsoWhatTasksPost) {
  std::atomic<int> runs{0};
  TaskPool pool(2);
  pool.Post([&] {
    ++runs;
    pool.Post([&] {
      ++runs;
      pool.Post([&] { ++runs; });
    });
  });
  pool.Stop();
  EXPECT_EQ(runs, 3);
}

TEST(TaskPoolTest, AGroupIsIdleWhenNoPoolHasATaskLeft) {
  std::atomic<int> runs{0};
  TaskGroup group;
  TaskPool first(1, &group);
  TaskPool second(2, &group);
  group.AwaitIdle();
  first.Post([&] {
    second.Post([&] {
      first.Post([&] { ++runs; });
      ++runs;
    });
    ++runs;
  });
  group.AwaitIdle();
  EXPECT_EQ(runs, 3);
}

TEST(TaskPoolTest, TasksPostedAfterStopAreDropped) {
  TaskPool pool(1);
  pool.Stop();
  auto owned = std::make_shared<int>(0);
  pool.Post([owned] { ++*owned; });
  EXPECT_EQ(*owned, 0);
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(TaskPoolTest, ATasksPossessionsDieBeforeTheNextRuns) {
  TaskPool pool(1);
  auto owned = std::make_shared<int>(0);
  std::weak_ptr<int> watched = owned;
  bool gone = false;
  pool.Post([owned = std::move(owned)] {});
  pool.Post([&] { gone = watched.expired(); });
  pool.Stop();
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace lora
