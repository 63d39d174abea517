// SPDX-License-Identifier: Apache-2.0
#include "server/model/sampler.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Logits whose softmax is `probabilities`.
std::vector<float> LogitsOf(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) {
    logits.push_back(static_cast<float>(std::log(p)));
  }
  return logits;
}

// How often each token comes out over `draws` seeds.
std::map<int32_t, double> Frequencies(const std::vector<float>& logits,
                                      SamplingParams params,
                                      int draws = 20'000) {
  Sampler sampler;
  std::map<int32_t, double> frequencies;
  for (int seed = 0; seed < draws; ++seed) {
    params.seed = seed;
    const SampledToken token = sampler.Sample(logits, params, {});
    frequencies[token.token_id] += 1.0 / draws;
  }
  return frequencies;
}

std::set<int32_t> Support(const std::vector<float>& logits,
                          const SamplingParams& params) {
  std::set<int32_t> support;
  for (const auto& [token, frequency] : Frequencies(logits, params, 2000)) {
    support.insert(token);
  }
  return support;
}

TEST(SamplerTest, GreedyIsTheFirstOfTheLargest) {
  Sampler sampler;
  const std::vector<float> logits = {1.0f, 4.0f, 2.0f, 4.0f};
  // With temperature 0 the truncations have nothing to do.
  const SamplingParams params = {.top_k = 3, .top_p = 0.1f, .seed = 9};
  EXPECT_EQ(sampler.Sample(logits, params, {}).token_id, 1);
}

TEST(SamplerTest, DrawsFollowTheDistribution) {
  const std::vector<double> p = {0.5, 0.3, 0.15, 0.05};
  const auto frequencies = Frequencies(LogitsOf(p), {.temperature = 1.0f});
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_NEAR(frequencies.at(i), p[i], 0.015) << i;
  }
}

TEST(SamplerTest, TemperatureSharpensAndFlattens) {
  const std::vector<float> logits = LogitsOf({0.8, 0.2});
  // p^2 and p^(1/2), normalised.
  EXPECT_NEAR(Frequencies(logits, {.temperature = 0.5f}).at(0), 0.941, 0.01);
  EXPECT_NEAR(Frequencies(logits, {.temperature = 2.0f}).at(0), 0.667, 0.015);
}

TEST(SamplerTest, ATinyTemperatureIsGreedy) {
  EXPECT_THAT(Support({3.0f, 3.5f, -8.0f}, {.temperature = 1e-30f}),
              ElementsAre(1));
}

TEST(SamplerTest, TopKKeepsTheBestAndTiesWithTheLast) {
  const std::vector<float> logits = LogitsOf({0.1, 0.4, 0.2, 0.2, 0.1});
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .top_k = 1}),
              ElementsAre(1));
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .top_k = 2}),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .top_k = 99}), SizeIs(5));
}

TEST(SamplerTest, TopPKeepsTheFewestThatHoldIt) {
  const std::vector<float> logits = LogitsOf({0.15, 0.5, 0.05, 0.3});
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .top_p = 0.4f}),
              ElementsAre(1));
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .top_p = 0.6f}),
              ElementsAre(1, 3));
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .top_p = 0.9f}),
              ElementsAre(0, 1, 3));
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .top_p = 1e-6f}),
              ElementsAre(1));
}

TEST(SamplerTest, TopPCountsWhatTopKLeft) {
  // Of 0.5 and 0.3, the first alone holds 0.625.
  const std::vector<float> logits = LogitsOf({0.5, 0.3, 0.2});
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .top_k = 2, .top_p = 0.6f}),
              ElementsAre(0));
}

TEST(SamplerTest, TopPReachesFarIntoAFlatDistribution) {
  std::vector<float> logits(2000, 0.0f);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = -1e-4f * i;
  const auto support = Support(logits, {.temperature = 1.0f, .top_p = 0.5f});
  EXPECT_LT(*support.rbegin(), 1000);
  EXPECT_GT(*support.rbegin(), 850);
}

TEST(SamplerTest, MinPComparesWithTheBest) {
  const std::vector<float> logits = LogitsOf({0.5, 0.3, 0.15, 0.05});
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .min_p = 0.5f}),
              ElementsAre(0, 1));
  EXPECT_THAT(Support(logits, {.temperature = 1.0f, .min_p = 0.2f}),
              ElementsAre(0, 1, 2));
}

TEST(SamplerTest, RepetitionPenaltyMovesLogitsTowardsLessOnce) {
  Sampler sampler;
  const std::vector<float> logits = {4.0f, 3.0f, -1.0f, -1.5f};
  const std::vector<int32_t> prompt = {0, 0, 0};
  const std::vector<int32_t> output = {0, 2};
  // 4 / 1.3 is still the largest; applied twice it would not be.
  EXPECT_EQ(
      sampler.Sample(logits, {.repetition_penalty = 1.3f}, {prompt, output})
          .token_id,
      0);
  EXPECT_EQ(
      sampler.Sample(logits, {.repetition_penalty = 1.4f}, {prompt, output})
          .token_id,
      1);
  const std::vector<int32_t> all_but_last = {0, 1, 2};
  const std::vector<float> negative = {-4.0f, -3.0f, -1.0f, -1.5f};
  EXPECT_EQ(
      sampler.Sample(negative, {.repetition_penalty = 2.0f}, {all_but_last, {}})
          .token_id,
      3);
}

TEST(SamplerTest, CountingPenaltiesSeeTheOutputOnly) {
  Sampler sampler;
  const std::vector<float> logits = {2.0f, 1.0f, 0.0f};
  const std::vector<int32_t> once = {0};
  const std::vector<int32_t> thrice = {0, 0, 0};
  const auto choice = [&](const SamplingParams& params,
                          const SamplingHistory& history) {
    return sampler.Sample(logits, params, history).token_id;
  };
  EXPECT_EQ(choice({.presence_penalty = 1.5f}, {once, {}}), 0);
  EXPECT_EQ(choice({.presence_penalty = 1.5f}, {{}, once}), 1);
  EXPECT_EQ(choice({.presence_penalty = 0.9f}, {{}, thrice}), 0);
  EXPECT_EQ(choice({.frequency_penalty = 0.5f}, {{}, once}), 0);
  EXPECT_EQ(choice({.frequency_penalty = 0.5f}, {{}, thrice}), 1);
}

TEST(SamplerTest, ASeedGivesTheSameTokensWhateverWasSampledBefore) {
  const std::vector<float> logits = LogitsOf({0.25, 0.25, 0.25, 0.25});
  const SamplingParams params = {.temperature = 1.0f, .seed = 42};
  const auto sample = [&](Sampler& sampler, size_t position) {
    const std::vector<int32_t> output(position, 0);
    return sampler.Sample(logits, params, {{}, output}).token_id;
  };
  Sampler fresh;
  std::vector<int32_t> alone;
  for (size_t i = 0; i < 50; ++i) alone.push_back(sample(fresh, i));
  Sampler busy;
  std::vector<int32_t> interrupted;
  for (size_t i = 0; i < 50; ++i) {
    busy.Sample(LogitsOf({0.9, 0.1}), {.temperature = 1.0f, .seed = i}, {});
    interrupted.push_back(sample(busy, i));
  }
  EXPECT_EQ(alone, interrupted);
  EXPECT_THAT(std::set<int32_t>(alone.begin(), alone.end()), SizeIs(4));
}

TEST(SamplerTest, LogprobsAreThoseOfTheModelNotOfTheSettings) {
  Sampler sampler;
  const std::vector<float> logits = LogitsOf({0.2, 0.7, 0.1});
  const std::vector<int32_t> output = {1};
  const SampledToken token = sampler.Sample(
      logits, {.presence_penalty = 2.0f, .top_logprobs = 2}, {{}, output});
  EXPECT_EQ(token.token_id, 0);
  EXPECT_NEAR(token.logprob, std::log(0.2), 1e-6);
  ASSERT_THAT(token.top, SizeIs(2));
  EXPECT_EQ(token.top[0].token_id, 1);
  EXPECT_NEAR(token.top[0].logprob, std::log(0.7), 1e-6);
  EXPECT_EQ(token.top[1].token_id, 0);
}

TEST(SamplerTest, NoLogprobsAreComputedUnlessAskedFor) {
  Sampler sampler;
  const SampledToken token = sampler.Sample({1.0f, 2.0f}, {}, {});
  EXPECT_EQ(token.logprob, 0.0f);
  EXPECT_THAT(token.top, IsEmpty());
}

}  // namespace
}  // namespace lora
