// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/sample.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora::loadgen {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Time kDue = absl::UnixEpoch();

absl::Time After(int milliseconds) {
  return kDue + absl::Milliseconds(milliseconds);
}

v1::GenerateResponse Tokens(int count) {
  v1::GenerateResponse message;
  for (int i = 0; i < count; ++i) message.add_token_ids(i);
  return message;
}

v1::GenerateResponse Last(int tokens, int completion_tokens) {
  v1::GenerateResponse message = Tokens(tokens);
  message.mutable_usage()->set_prompt_tokens(7);
  message.mutable_usage()->set_cached_tokens(3);
  message.mutable_usage()->set_completion_tokens(completion_tokens);
  return message;
}

TEST(SampleRecorderTest, TimesCountFromWhenTheRequestWasDue) {
  SampleRecorder recorder("sql", kDue);
  recorder.OnMessage(Tokens(1), After(30));
  recorder.OnMessage(Tokens(1), After(40));
  recorder.OnMessage(Last(1, 3), After(60));
  const Sample sample = std::move(recorder).Finish(absl::OkStatus(), After(61));
  EXPECT_EQ(sample.adapter, "sql");
  EXPECT_EQ(sample.first_token, absl::Milliseconds(30));
  EXPECT_EQ(sample.total, absl::Milliseconds(61));
  EXPECT_THAT(sample.gaps,
              ElementsAre(absl::Milliseconds(10), absl::Milliseconds(20)));
  EXPECT_EQ(sample.prompt_tokens, 7);
  EXPECT_EQ(sample.cached_tokens, 3);
  EXPECT_EQ(sample.completion_tokens, 3);
}

TEST(SampleRecorderTest, TokensOfOneMessageShareItsGap) {
  SampleRecorder recorder("", kDue);
  recorder.OnMessage(Tokens(2), After(30));
  recorder.OnMessage(Last(3, 5), After(60));
  EXPECT_THAT(std::move(recorder).Finish(absl::OkStatus(), After(60)).gaps,
              ElementsAre(absl::ZeroDuration(), absl::Milliseconds(10),
                          absl::Milliseconds(10), absl::Milliseconds(10)));
}

TEST(SampleRecorderTest, AnEndTokenIsCountedThoughItIsNotSent) {
  SampleRecorder recorder("", kDue);
  recorder.OnMessage(Tokens(1), After(30));
  recorder.OnMessage(Last(0, 2), After(50));
  EXPECT_THAT(std::move(recorder).Finish(absl::OkStatus(), After(50)).gaps,
              ElementsAre(absl::Milliseconds(20)));
}

TEST(SampleRecorderTest, AnAnswerOfTheEndTokenAloneHasAFirstToken) {
  SampleRecorder recorder("", kDue);
  recorder.OnMessage(Last(0, 1), After(30));
  const Sample sample = std::move(recorder).Finish(absl::OkStatus(), After(30));
  EXPECT_EQ(sample.first_token, absl::Milliseconds(30));
  EXPECT_THAT(sample.gaps, IsEmpty());
}

TEST(SampleRecorderTest, AMessageWithoutTokensIsNoToken) {
  SampleRecorder recorder("", kDue);
  recorder.OnMessage(Tokens(0), After(10));
  recorder.OnMessage(Tokens(1), After(30));
  const Sample sample = std::move(recorder).Finish(absl::OkStatus(), After(40));
  EXPECT_EQ(sample.first_token, absl::Milliseconds(30));
  EXPECT_THAT(sample.gaps, IsEmpty());
}

TEST(SampleRecorderTest, AFailureKeepsItsStatus) {
  const Sample sample = SampleRecorder("sql", kDue)
                            .Finish(absl::AbortedError("unloaded"), After(5));
  EXPECT_EQ(sample.status, absl::AbortedError("unloaded"));
  EXPECT_EQ(sample.completion_tokens, 0);
}

}  // namespace
}  // namespace lora::loadgen
