// SPDX-License-Identifier: Apache-2.0
#include "server/base/write_coalescer.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace lora {
namespace {

using Coalescer = WriteCoalescer<std::vector<int>, int>;
using Action = Coalescer::Action;

auto Add(int item) {
  return [item](std::vector<int>& message) { message.push_back(item); };
}

TEST(WriteCoalescerTest, ItemsDuringAWriteJoinTheNextMessage) {
  Coalescer c;
  EXPECT_EQ(c.Append(Add(1)), Action::kWrite);
  EXPECT_EQ(c.Append(Add(2)), Action::kNone);
  EXPECT_EQ(c.Append(Add(3)), Action::kNone);
  EXPECT_EQ(c.message(), std::vector<int>({1}));
  EXPECT_EQ(c.OnWritten(true), Action::kWrite);
  EXPECT_EQ(c.message(), std::vector<int>({2, 3}));
}

TEST(WriteCoalescerTest, AFullMessageIsFollowedByAnother) {
  Coalescer c(
      [](const std::vector<int>& message) { return message.size() >= 2; });
  EXPECT_EQ(c.Append(Add(1)), Action::kWrite);
  for (const int item : {2, 3, 4}) {
    EXPECT_EQ(c.Append(Add(item)), Action::kNone);
  }
  EXPECT_EQ(c.Close(7), Action::kNone);
  EXPECT_EQ(c.OnWritten(true), Action::kWrite);
  EXPECT_EQ(c.message(), std::vector<int>({2, 3}));
  EXPECT_EQ(c.OnWritten(true), Action::kWrite);
  EXPECT_EQ(c.message(), std::vector<int>({4}));
  EXPECT_EQ(c.OnWritten(true), Action::kFinish);
}

TEST(WriteCoalescerTest, CloseWaitsForPendingItems) {
  Coalescer c;
  EXPECT_EQ(c.Append(Add(1)), Action::kWrite);
  EXPECT_EQ(c.Append(Add(2)), Action::kNone);
  EXPECT_EQ(c.Close(7), Action::kNone);
  EXPECT_EQ(c.OnWritten(true), Action::kWrite);
  EXPECT_EQ(c.OnWritten(true), Action::kFinish);
  EXPECT_EQ(c.result(), 7);
  EXPECT_EQ(c.Close(8), Action::kNone);
}

TEST(WriteCoalescerTest, BrokenStreamDropsItemsAndStillFinishes) {
  Coalescer c;
  EXPECT_EQ(c.Append(Add(1)), Action::kWrite);
  EXPECT_EQ(c.OnWritten(false), Action::kNone);
  EXPECT_EQ(c.Append(Add(2)), Action::kNone);
  EXPECT_EQ(c.Close(1), Action::kFinish);
}

TEST(WriteCoalescerTest, ProducerAndWriterThreadsLoseNothing) {
  Coalescer c;
  constexpr int kItems = 20000;
  std::atomic<int> to_write{0};
  std::atomic<bool> finished{false};
  auto act = [&](Action action) {
    if (action == Action::kWrite) to_write.store(1);
    if (action == Action::kFinish) finished.store(true);
  };
  std::vector<int> seen;
  std::thread writer([&] {
    while (!finished.load()) {
      if (to_write.exchange(0) == 0) continue;
      seen.insert(seen.end(), c.message().begin(), c.message().end());
      act(c.OnWritten(true));
    }
  });
  for (int i = 0; i < kItems; ++i) act(c.Append(Add(i)));
  act(c.Close(0));
  writer.join();
  ASSERT_EQ(seen.size(), kItems);
  for (int i = 0; i < kItems; ++i) ASSERT_EQ(seen[i], i);
}

}  // namespace
}  // namespace lora
