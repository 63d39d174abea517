// SPDX-License-Identifier: Apache-2.0
#include "server/base/reclaimer.h"

#include <thread>

#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(ReclaimerTest, FlushReturnsAfterAllThatWasPostedBefore) {
  Reclaimer reclaimer;
  int runs = 0;
  for (int i = 0; i < 10; ++i) reclaimer.Post([&runs] { ++runs; });
  reclaimer.Flush();
  EXPECT_EQ(runs, 10);
}

TEST(ReclaimerTest, TasksRunOnAnotherThread) {
  Reclaimer reclaimer;
  std::thread::id ran_on;
  reclaimer.Post([&ran_on] { ran_on = std::this_thread::get_id(); });
  reclaimer.Flush();
  EXPECT_NE(ran_on, std::this_thread::get_id());
  EXPECT_NE(ran_on, std::thread::id());
}

TEST(ReclaimerTest, TheDestructorRunsWhatIsQueued) {
  int runs = 0;
  {
    Reclaimer reclaimer;
    for (int i = 0; i < 10; ++i) reclaimer.Post([&runs] { ++runs; });
  }
  EXPECT_EQ(runs, 10);
}

}  // namespace
}  // namespace lora
