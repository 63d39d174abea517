// SPDX-License-Identifier: Apache-2.0
#include "server/model/sampling_params.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(SamplingParamsTest, DefaultsAreGreedyAndValid) {
  const SamplingParams params;
  EXPECT_EQ(params.temperature, 0.0f);
  EXPECT_OK(ValidateSamplingParams(params));
}

TEST(SamplingParamsTest, TheEndsOfEveryRangeAreValid) {
  EXPECT_OK(ValidateSamplingParams({.temperature = kMaxTemperature,
                                    .top_k = 1 << 30,
                                    .top_p = 1e-6f,
                                    .min_p = 1.0f,
                                    .repetition_penalty = 0.01f,
                                    .frequency_penalty = -2.0f,
                                    .presence_penalty = 2.0f,
                                    .top_logprobs = kMaxTopLogprobs}));
}

struct OutOfRange {
  const char* field;
  SamplingParams params;
};

class SamplingParamsRangeTest : public testing::TestWithParam<OutOfRange> {};

TEST_P(SamplingParamsRangeTest, IsRefusedByName) {
  EXPECT_THAT(
      ValidateSamplingParams(GetParam().params),
      AllOf(StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam),
            MessageIs(HasSubstr(GetParam().field))));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, SamplingParamsRangeTest,
    testing::Values(
        OutOfRange{"temperature", {.temperature = -0.1f}},
        OutOfRange{"temperature", {.temperature = 101.0f}},
        OutOfRange{"temperature", {.temperature = kNan}},
        OutOfRange{"temperature", {.temperature = kInfinity}},
        OutOfRange{"top_k", {.top_k = -1}},
        OutOfRange{"top_p", {.top_p = 0.0f}},
        OutOfRange{"top_p", {.top_p = 1.01f}},
        OutOfRange{"top_p", {.top_p = kNan}},
        OutOfRange{"min_p", {.min_p = -0.5f}},
        OutOfRange{"min_p", {.min_p = kNan}},
        OutOfRange{"repetition_penalty", {.repetition_penalty = 0.0f}},
        OutOfRange{"repetition_penalty", {.repetition_penalty = kNan}},
        OutOfRange{"frequency_penalty", {.frequency_penalty = 2.5f}},
        OutOfRange{"presence_penalty", {.presence_penalty = -2.5f}},
        OutOfRange{"top_logprobs", {.top_logprobs = -1}},
        OutOfRange{"top_logprobs", {.top_logprobs = kMaxTopLogprobs + 1}}));

}  // namespace
}  // namespace lora
