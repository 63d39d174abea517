// SPDX-License-Identifier: Apache-2.0
#include "server/base/mutex.h"

#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(MutexTest, OneThreadAtATimeHoldsIt) {
  Mutex mu;
  int64_t count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        MutexLock lock(mu);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 20000);
}

TEST(CondVarTest, AWaiterSeesWhatTheNotifierWrote) {
  Mutex mu;
  CondVar changed;
  int value = 0;
  std::thread writer([&] {
    MutexLock lock(mu);
    value = 7;
    changed.NotifyOne();
  });
  {
    MutexLock lock(mu);
    while (value == 0) changed.Wait(mu);
    EXPECT_EQ(value, 7);
  }
  writer.join();
}

TEST(CondVarTest, AWaitEndsAtItsDeadline) {
  Mutex mu;
  CondVar never;
  MutexLock lock(mu);
  EXPECT_FALSE(never.WaitUntil(mu, absl::Now() - absl::Seconds(1)));
  const absl::Time deadline = absl::Now() + absl::Milliseconds(5);
  while (never.WaitUntil(mu, deadline)) {
  }
  EXPECT_GE(absl::Now(), deadline);
}

TEST(CondVarTest, AnInfiniteDeadlineWaitsForTheNotifier) {
  Mutex mu;
  CondVar changed;
  bool done = false;
  std::thread writer([&] {
    MutexLock lock(mu);
    done = true;
    changed.NotifyAll();
  });
  {
    MutexLock lock(mu);
    while (!done) {
      EXPECT_TRUE(changed.WaitUntil(mu, absl::InfiniteFuture()));
    }
  }
  writer.join();
}

}  // namespace
}  // namespace lora
