// SPDX-License-Identifier: Apache-2.0
#include "server/model/sampling_random.h"

#include <array>
#include <cmath>
#include <cstdint>

#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(UniformAtTest, IsAFunctionOfSeedAndPosition) {
  EXPECT_EQ(UniformAt(7, 3), UniformAt(7, 3));
  EXPECT_NE(UniformAt(7, 3), UniformAt(7, 4));
  EXPECT_NE(UniformAt(7, 3), UniformAt(8, 3));
  // Neighbours in one are not neighbours in the other.
  EXPECT_NE(UniformAt(7, 4), UniformAt(8, 3));
}

TEST(UniformAtTest, StaysBelowOneAndFillsItsRangeEvenly) {
  constexpr int kBuckets = 20;
  constexpr int kDraws = 100'000;
  std::array<int, kBuckets> counts = {};
  for (int i = 0; i < kDraws; ++i) {
    // Along seeds and along positions.
    const double u = UniformAt(i % 317, i / 317);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++counts[static_cast<int>(u * kBuckets)];
  }
  // Chi squared with 19 degrees of freedom: 43.8 at the 0.1 % level.
  double chi_squared = 0.0;
  for (const int count : counts) {
    const double expected = static_cast<double>(kDraws) / kBuckets;
    chi_squared += std::pow(count - expected, 2) / expected;
  }
  EXPECT_LT(chi_squared, 43.8);
}

TEST(UniformAtTest, SuccessiveDrawsAreNotCorrelated) {
  constexpr int kDraws = 100'000;
  double product = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    product += (UniformAt(1, i) - 0.5) * (UniformAt(1, i + 1) - 0.5);
  }
  // The standard deviation of the mean is 1/12 / sqrt(kDraws) = 2.6e-4.
  EXPECT_NEAR(product / kDraws, 0.0, 1.1e-3);
}

}  // namespace
}  // namespace lora
