// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/rope.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace lora {
namespace {

constexpr int64_t kHeadDim = 128;

// What transformers computes with these parameters, to float32's precision.
void ExpectFrequency(float actual, double expected) {
  EXPECT_NEAR(actual, expected, 2e-7 * expected);
}

TEST(RopeFrequenciesTest, DefaultIsAPowerOfTheta) {
  const auto inv = RopeFrequencies({.theta = 1e4}, kHeadDim, 0);
  ASSERT_EQ(inv.size(), 64u);
  EXPECT_EQ(inv[0], 1.0f);
  ExpectFrequency(inv[1], 0.86596432);
  ExpectFrequency(inv[2], 0.74989421);
  ExpectFrequency(inv[3], 0.64938163);
  ExpectFrequency(inv[63], 0.0001154782);
}

TEST(RopeFrequenciesTest, LinearDividesAllByTheFactor) {
  const auto plain = RopeFrequencies({.theta = 1e4}, kHeadDim, 0);
  const auto inv = RopeFrequencies(
      {.type = RopeType::kLinear, .theta = 1e4, .factor = 4.0}, kHeadDim, 0);
  for (size_t i = 0; i < inv.size(); ++i) {
    ExpectFrequency(inv[i], plain[i] / 4.0);
  }
}

TEST(RopeFrequenciesTest, Llama3KeepsShortWavesAndStretchesLongOnes) {
  const RopeConfig config = {.type = RopeType::kLlama3,
                             .theta = 5e5,
                             .factor = 8.0,
                             .original_max_positions = 8192,
                             .low_freq_factor = 1.0,
                             .high_freq_factor = 4.0};
  const auto plain = RopeFrequencies({.theta = 5e5}, kHeadDim, 0);
  const auto inv = RopeFrequencies(config, kHeadDim, 0);
  for (int i = 0; i <= 28; ++i) EXPECT_EQ(inv[i], plain[i]) << i;
  for (int i = 35; i < 64; ++i) ExpectFrequency(inv[i], plain[i] / 8.0);
  ExpectFrequency(inv[28], 0.003211446);
  ExpectFrequency(inv[30], 0.0013718936);
  ExpectFrequency(inv[32], 0.00052484616);
  ExpectFrequency(inv[35], 9.5562124e-05);
  ExpectFrequency(inv[63], 3.068926e-07);
}

RopeConfig Yarn() {
  return {.type = RopeType::kYarn,
          .theta = 1e6,
          .factor = 4.0,
          .original_max_positions = 32768,
          .attention_factor = 1.138629436};
}

TEST(RopeFrequenciesTest, YarnFadesBetweenItsBounds) {
  const auto plain = RopeFrequencies({.theta = 1e6}, kHeadDim, 0);
  const auto inv = RopeFrequencies(Yarn(), kHeadDim, 0);
  for (int i = 0; i <= 23; ++i) EXPECT_EQ(inv[i], plain[i]) << i;
  for (int i = 40; i < 64; ++i) ExpectFrequency(inv[i], plain[i] / 4.0);
  ExpectFrequency(inv[24], 0.0053753215);
  ExpectFrequency(inv[30], 0.001064361);
  ExpectFrequency(inv[40], 4.4456985e-05);
  ExpectFrequency(inv[63], 3.1023444e-07);
}

TEST(RopeFrequenciesTest, YarnWithoutTruncationMovesItsBounds) {
  RopeConfig config = Yarn();
  config.truncate = false;
  const auto inv = RopeFrequencies(config, kHeadDim, 0);
  const auto plain = RopeFrequencies({.theta = 1e6}, kHeadDim, 0);
  // The lower bound is 23.6 instead of 23, the upper one 39.7 instead of 40.
  EXPECT_GT(inv[24], RopeFrequencies(Yarn(), kHeadDim, 0)[24]);
  EXPECT_LT(inv[24], plain[24]);
}

TEST(RopeFrequenciesTest, YarnSurvivesEqualBounds) {
  RopeConfig config = Yarn();
  config.original_max_positions = 1;
  for (const float frequency : RopeFrequencies(config, kHeadDim, 0)) {
    EXPECT_TRUE(std::isfinite(frequency));
  }
}

RopeConfig Dynamic() {
  return {.type = RopeType::kDynamic,
          .theta = 1e4,
          .factor = 2.0,
          .original_max_positions = 2048};
}

TEST(RopeFrequenciesTest, DynamicRaisesThetaWithTheLength) {
  const auto inv = RopeFrequencies(Dynamic(), kHeadDim, 4096);
  EXPECT_EQ(inv[0], 1.0f);
  ExpectFrequency(inv[1], 0.85099429);
  ExpectFrequency(inv[63], 3.8492733e-05);
}

TEST(RopeFrequenciesTest, DynamicLeavesTrainedLengthsAlone) {
  EXPECT_EQ(RopeFrequencies(Dynamic(), kHeadDim, 100),
            RopeFrequencies({.theta = 1e4}, kHeadDim, 0));
}

TEST(RopeFrequenciesTest, TheSmallestHeadTurnsOncePerPosition) {
  EXPECT_EQ(RopeFrequencies(Dynamic(), 2, 4096), std::vector<float>{1.0f});
}

TEST(DynamicRopeLengthTest, APromptIsTurnedForItsOwnLength) {
  EXPECT_EQ(DynamicRopeLength(Dynamic(), 0, 3000), 3000);
  EXPECT_EQ(DynamicRopeLength(Dynamic(), 2999, 3000), 3000);
}

TEST(DynamicRopeLengthTest, AGeneratedPositionIsTurnedForTheLengthItMakes) {
  EXPECT_EQ(DynamicRopeLength(Dynamic(), 3000, 3000), 3001);
  EXPECT_EQ(DynamicRopeLength(Dynamic(), 4000, 3000), 4001);
}

TEST(DynamicRopeLengthTest, NothingIsShorterThanTheTrainedLength) {
  EXPECT_EQ(DynamicRopeLength(Dynamic(), 5, 10), 2048);
  EXPECT_EQ(DynamicRopeLength(Dynamic(), 50, 10), 2048);
}

TEST(RopeTest, AnglesAreScaledCosinesAndSines) {
  Rope rope(Yarn(), kHeadDim);
  std::vector<float> cos(64);
  std::vector<float> sin(64);
  rope.Fill(5, 9, absl::MakeSpan(cos), absl::MakeSpan(sin));
  EXPECT_NEAR(cos[0], std::cos(5.0) * 1.138629436, 1e-6);
  EXPECT_NEAR(sin[0], std::sin(5.0) * 1.138629436, 1e-6);
  rope.Fill(0, 9, absl::MakeSpan(cos), absl::MakeSpan(sin));
  for (const float value : sin) EXPECT_EQ(value, 0.0f);
}

TEST(RopeTest, DynamicAnglesDoNotDependOnWhatWasAskedBefore) {
  std::vector<float> cos(64);
  std::vector<float> sin(64);
  std::vector<float> again(64);
  Rope rope(Dynamic(), kHeadDim);
  rope.Fill(100, 10, absl::MakeSpan(cos), absl::MakeSpan(sin));
  rope.Fill(5000, 10, absl::MakeSpan(again), absl::MakeSpan(sin));
  EXPECT_NE(again, cos);
  rope.Fill(100, 10, absl::MakeSpan(again), absl::MakeSpan(sin));
  EXPECT_EQ(again, cos);
}

}  // namespace
}  // namespace lora
