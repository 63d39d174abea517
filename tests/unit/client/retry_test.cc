// SPDX-License-Identifier: Apache-2.0
#include "client/retry.h"

#include "gtest/gtest.h"

namespace lora {
namespace {

constexpr RetryPolicy kPolicy{.initial_backoff = absl::Milliseconds(100),
                              .max_backoff = absl::Milliseconds(1000)};

TEST(RetryTest, BackoffDoublesUpToItsBound) {
  EXPECT_EQ(BackoffAfter(kPolicy, 1, 0), absl::Milliseconds(100));
  EXPECT_EQ(BackoffAfter(kPolicy, 2, 0), absl::Milliseconds(200));
  EXPECT_EQ(BackoffAfter(kPolicy, 4, 0), absl::Milliseconds(800));
  EXPECT_EQ(BackoffAfter(kPolicy, 5, 0), absl::Milliseconds(1000));
  EXPECT_EQ(BackoffAfter(kPolicy, 1'000'000, 0), absl::Milliseconds(1000));
}

TEST(RetryTest, JitterTakesUpToHalf) {
  EXPECT_EQ(BackoffAfter(kPolicy, 1, 0.5), absl::Milliseconds(75));
  EXPECT_EQ(BackoffAfter(kPolicy, 1, 1), absl::Milliseconds(50));
}

}  // namespace
}  // namespace lora
