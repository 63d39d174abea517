// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/arrivals.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora::loadgen {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

// When the requests of `options` are due, after the start.
std::vector<absl::Duration> DueTimes(const ArrivalOptions& options) {
  Arrivals arrivals(options, kStart);
  std::vector<absl::Duration> due;
  while (const auto next = arrivals.Next(kStart)) {
    due.push_back(next->due - kStart);
  }
  return due;
}

TEST(ArrivalsTest, WithoutARateTheNextRequestIsDueAtOnce) {
  Arrivals arrivals({}, kStart);
  for (const int second : {1, 5, 9}) {
    const absl::Time now = kStart + absl::Seconds(second);
    EXPECT_EQ(arrivals.Next(now)->due, now);
  }
}

TEST(ArrivalsTest, IndexesCountFromTheFirst) {
  Arrivals arrivals({.first_index = 10, .max_requests = 3}, kStart);
  std::vector<int64_t> indexes;
  while (const auto next = arrivals.Next(kStart)) {
    indexes.push_back(next->index);
  }
  EXPECT_THAT(indexes, ::testing::ElementsAre(10, 11, 12));
}

TEST(ArrivalsTest, NoRequestIsDueAfterTheDuration) {
  Arrivals closed({.duration = absl::Seconds(10)}, kStart);
  EXPECT_TRUE(closed.Next(kStart + absl::Seconds(10)).has_value());
  EXPECT_FALSE(closed.Next(kStart + absl::Seconds(11)).has_value());

  const auto due = DueTimes({.rate = 100, .duration = absl::Seconds(1)});
  ASSERT_FALSE(due.empty());
  EXPECT_LE(due.back(), absl::Seconds(1));
}

TEST(ArrivalsTest, RequestsOfARateAreDueWhateverTheSendersDo) {
  const ArrivalOptions options{.rate = 5, .max_requests = 20};
  const std::vector<absl::Duration> due = DueTimes(options);
  Arrivals late(options, kStart);
  for (const absl::Duration expected : due) {
    EXPECT_EQ(late.Next(kStart + absl::Hours(1))->due, kStart + expected);
  }
}

TEST(ArrivalsTest, ARateIsKeptOnAverageWithRandomGaps) {
  constexpr int kCount = 4000;
  const auto due = DueTimes({.rate = 8, .max_requests = kCount});
  EXPECT_NEAR(kCount / absl::ToDoubleSeconds(due.back()), 8, 0.5);
  // A Poisson process: gaps below the mean are 1 - 1/e of all.
  int num_short = 0;
  absl::Duration last;
  for (const absl::Duration time : due) {
    num_short += time - last < absl::Seconds(1) / 8 ? 1 : 0;
    last = time;
  }
  EXPECT_NEAR(num_short / static_cast<double>(kCount), 0.632, 0.03);
}

TEST(ArrivalsTest, TheSeedDecidesTheGaps) {
  const auto seeded = [](uint64_t seed) {
    return DueTimes({.rate = 1, .max_requests = 5, .seed = seed});
  };
  EXPECT_EQ(seeded(1), seeded(1));
  EXPECT_NE(seeded(1), seeded(2));
}

}  // namespace
}  // namespace lora::loadgen
