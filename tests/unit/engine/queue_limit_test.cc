// SPDX-License-Identifier: Apache-2.0
#include "server/engine/queue_limit.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lora {
namespace {

using Set = std::vector<AdapterId>;

const Set kBase;
const Set kBusy = {AdapterId("busy")};
const Set kQuiet = {AdapterId("quiet")};

void Fill(QueueLimit& limit, const Set& adapters, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(limit.HasRoom(adapters)) << i;
    limit.Add(adapters);
  }
}

TEST(QueueLimitTest, OneSetMayTakeEveryPlace) {
  QueueLimit limit(4);
  Fill(limit, kBusy, 4);
  EXPECT_FALSE(limit.HasRoom(kBusy));
  EXPECT_EQ(limit.num_queued(), 4);
}

TEST(QueueLimitTest, AFloodDoesNotShutOthersOutOfTheirShare) {
  QueueLimit limit(4);
  Fill(limit, kBusy, 4);
  Fill(limit, kQuiet, 2);  // 4 places, 2 sets.
  EXPECT_FALSE(limit.HasRoom(kQuiet));
  EXPECT_FALSE(limit.HasRoom(kBusy));
  Fill(limit, kBase, 1);  // 4 places, 3 sets.
  EXPECT_FALSE(limit.HasRoom(kBase));
}

TEST(QueueLimitTest, EvenASmallShareIsOnePlace) {
  QueueLimit limit(2);
  Fill(limit, kBusy, 2);
  Fill(limit, kQuiet, 1);
  EXPECT_FALSE(limit.HasRoom(kQuiet));
  EXPECT_TRUE(limit.HasRoom(kBase));
}

TEST(QueueLimitTest, NoMoreThanTwiceTheLimitWaits) {
  QueueLimit limit(2);
  Fill(limit, kBusy, 2);
  Fill(limit, kQuiet, 1);
  Fill(limit, kBase, 1);
  EXPECT_FALSE(limit.HasRoom({AdapterId("third")}));
  limit.Remove(kBase);
  EXPECT_TRUE(limit.HasRoom({AdapterId("third")}));
}

// Queues `adapters` until it is refused; returns how often it was taken.
int Flood(QueueLimit& limit, const Set& adapters) {
  int taken = 0;
  for (; limit.HasRoom(adapters); ++taken) limit.Add(adapters);
  return taken;
}

TEST(QueueLimitTest, AFurtherFloodTakesHalfOfWhatIsLeftAtMost) {
  QueueLimit limit(1024);
  std::vector<int> taken;
  for (const char* adapter : {"a", "b", "c", "d", "e"}) {
    taken.push_back(Flood(limit, {AdapterId(adapter)}));
  }
  EXPECT_EQ(taken, (std::vector<int>{1024, 512, 256, 128, 64}));
}

TEST(QueueLimitTest, ElevenFloodsLeaveAPlaceForOneThatIsQuiet) {
  QueueLimit limit(1024);
  for (int i = 0; i < 11; ++i) {
    EXPECT_GE(Flood(limit, {AdapterId(std::to_string(i))}), 1);
    EXPECT_TRUE(limit.HasRoom(kQuiet)) << i;
  }
  EXPECT_EQ(Flood(limit, kQuiet), 1);
  EXPECT_EQ(limit.num_queued(), 2 * limit.max_queued());
  EXPECT_FALSE(limit.HasRoom(kBase));
}

TEST(QueueLimitTest, APlaceIsFreeAgainOnceItsRequestIsGone) {
  QueueLimit limit(1);
  Fill(limit, kBusy, 1);
  limit.Remove(kBusy);
  EXPECT_EQ(limit.num_queued(), 0);
  EXPECT_TRUE(limit.HasRoom(kBusy));
}

TEST(QueueLimitTest, ALimitOfNothingRefusesEverybody) {
  EXPECT_FALSE(QueueLimit(0).HasRoom(kBase));
}

}  // namespace
}  // namespace lora
