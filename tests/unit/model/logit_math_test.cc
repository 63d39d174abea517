// SPDX-License-Identifier: Apache-2.0
#include "server/model/logit_math.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> RandomLogits(size_t size) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.0f, 4.0f);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

TEST(ArgMaxTest, EveryPositionCanWin) {
  for (const size_t size : {1, 31, 32, 33, 100}) {
    for (size_t winner = 0; winner < size; ++winner) {
      std::vector<float> logits(size, -5.0f);
      logits[winner] = -1.0f;
      EXPECT_EQ(ArgMax(logits), static_cast<int32_t>(winner)) << size;
    }
  }
}

TEST(ArgMaxTest, TheFirstOfEqualsWins) {
  std::vector<float> logits(70, 0.0f);
  EXPECT_EQ(ArgMax(logits), 0);
  logits[65] = logits[40] = 2.0f;
  EXPECT_EQ(ArgMax(logits), 40);
}

TEST(ArgMaxTest, NanNeverWins) {
  std::vector<float> logits(40, kNan);
  logits[33] = -kInfinity;
  logits[37] = -100.0f;
  EXPECT_EQ(ArgMax(logits), 37);
  EXPECT_EQ(ArgMax(std::vector<float>(3, kNan)), 0);
}

TEST(KthLargestTest, EqualLogitsCountApart) {
  const std::vector<float> logits = {1.0f, 3.0f, 2.0f, 3.0f, kNan};
  EXPECT_EQ(KthLargest(logits, 1), 3.0f);
  EXPECT_EQ(KthLargest(logits, 2), 3.0f);
  EXPECT_EQ(KthLargest(logits, 3), 2.0f);
  EXPECT_EQ(KthLargest(logits, 4), 1.0f);
  EXPECT_EQ(KthLargest(logits, 5), -kInfinity);
}

TEST(LogSumExpTest, IsTheLogOfTheSum) {
  const std::vector<float> logits = RandomLogits(1000);
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  EXPECT_NEAR(LogSumExp(logits), std::log(sum), 1e-6);
}

TEST(LogSumExpTest, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits = {1e30f, 1e30f};
  EXPECT_EQ(LogSumExp(logits), static_cast<double>(1e30f) + std::log(2.0));
}

std::vector<ScoredToken> Top(const std::vector<float>& logits, int64_t n) {
  return TopLogprobs(logits, LogSumExp(logits), n);
}

TEST(TopLogprobsTest, BestComesFirstAndEqualOnesById) {
  const std::vector<float> logits = {0.0f, 2.0f, 1.0f, 2.0f, -1.0f, 1.0f};
  const std::vector<ScoredToken> top = Top(logits, 4);
  ASSERT_THAT(top, SizeIs(4));
  const std::vector<int32_t> ids = {1, 3, 2, 5};
  const double total = LogSumExp(logits);
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(top[i].token_id, ids[i]);
    EXPECT_FLOAT_EQ(top[i].logprob, logits[ids[i]] - total);
  }
}

TEST(TopLogprobsTest, TiesBeyondTheCountAreCut) {
  const std::vector<float> logits(50, 1.0f);
  const std::vector<ScoredToken> top = Top(logits, 2);
  ASSERT_THAT(top, SizeIs(2));
  EXPECT_EQ(top[0].token_id, 0);
  EXPECT_EQ(top[1].token_id, 1);
}

TEST(TopLogprobsTest, CountIsBoundedByTheVocabulary) {
  EXPECT_THAT(Top({1.0f, 2.0f}, 20), SizeIs(2));
  EXPECT_THAT(Top({1.0f, 2.0f}, 0), IsEmpty());
}

TEST(TopLogprobsTest, AllProbabilitiesAddUpToOne) {
  const std::vector<float> logits = RandomLogits(500);
  double sum = 0.0;
  for (const ScoredToken& token : Top(logits, 500)) {
    sum += std::exp(static_cast<double>(token.logprob));
  }
  EXPECT_NEAR(sum, 1.0, 1e-5);
}

}  // namespace
}  // namespace lora
