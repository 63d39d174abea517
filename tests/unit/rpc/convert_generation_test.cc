// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_generation.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

using ::testing::ElementsAre;

TEST(ConvertGenerationTest, DeltasThatMeetInOneMessageAreJoined) {
  v1::GenerateResponse response;
  AppendTo(response, GenerationDelta{.text = "ab", .token_ids = {1, 2}});
  AppendTo(response, GenerationDelta{.text = "c", .token_ids = {3}});
  EXPECT_EQ(response.text(), "abc");
  EXPECT_THAT(response.token_ids(), ElementsAre(1, 2, 3));
  EXPECT_EQ(response.finish_reason(), v1::FINISH_REASON_UNSPECIFIED);
}

TEST(ConvertGenerationTest, LogprobsKeepTheirOrder) {
  v1::GenerateResponse response;
  AppendTo(response,
           GenerationDelta{.token_ids = {1},
                           .logprobs = {{.chosen = {1, -0.5f},
                                         .top = {{7, -0.25f}, {1, -0.5f}}}}});
  ASSERT_EQ(response.logprobs_size(), 1);
  const v1::TokenLogprobs& logprobs = response.logprobs(0);
  EXPECT_EQ(logprobs.token_id(), 1);
  EXPECT_EQ(logprobs.logprob(), -0.5f);
  ASSERT_EQ(logprobs.top_size(), 2);
  EXPECT_EQ(logprobs.top(0).token_id(), 7);
  EXPECT_EQ(logprobs.top(0).logprob(), -0.25f);
}

TEST(ConvertGenerationTest, TheResultJoinsTheLastDelta) {
  v1::GenerateResponse response;
  AppendTo(response, GenerationDelta{.text = "end"});
  AppendTo(response, GenerationResult{.reason = FinishReason::kStop,
                                      .stop_match = "###",
                                      .usage = {.prompt_tokens = 5,
                                                .cached_tokens = 4,
                                                .completion_tokens = 3}});
  EXPECT_EQ(response.text(), "end");
  EXPECT_EQ(response.finish_reason(), v1::STOP);
  EXPECT_EQ(response.stop_match(), "###");
  EXPECT_EQ(response.usage().prompt_tokens(), 5);
  EXPECT_EQ(response.usage().cached_tokens(), 4);
  EXPECT_EQ(response.usage().completion_tokens(), 3);
}

TEST(ConvertGenerationTest, ProvenanceSaysWhatComputedTheAnswer) {
  v1::GenerateResponse response;
  AppendTo(response,
           GenerationResult{
               .reason = FinishReason::kLength,
               .provenance = {.adapters = {{.id = AdapterId("sql"),
                                            .digest = "d1",
                                            .weight = 0.5f,
                                            .tier_found = AdapterTier::kHost,
                                            .load_time = absl::Seconds(4)}},
                              .path = ExecutionPath::kMerged,
                              .queue_time = absl::Seconds(1),
                              .time_to_first_token = absl::Seconds(2),
                              .total_time = absl::Seconds(3)}});
  EXPECT_EQ(response.finish_reason(), v1::LENGTH);
  const v1::Provenance& provenance = response.provenance();
  ASSERT_EQ(provenance.adapters_size(), 1);
  EXPECT_EQ(provenance.adapters(0).requested_id(), "sql");
  EXPECT_EQ(provenance.adapters(0).adapter_id(), "sql");
  EXPECT_EQ(provenance.adapters(0).digest(), "d1");
  EXPECT_EQ(provenance.adapters(0).weight(), 0.5f);
  EXPECT_EQ(provenance.adapters(0).tier_found(), v1::ADAPTER_TIER_HOST);
  EXPECT_EQ(provenance.adapters(0).load_time().seconds(), 4);
  EXPECT_EQ(provenance.path(), v1::MERGED);
  EXPECT_EQ(provenance.queue_time().seconds(), 1);
  EXPECT_EQ(provenance.time_to_first_token().seconds(), 2);
  EXPECT_EQ(provenance.total_time().seconds(), 3);
}

TEST(ConvertGenerationTest, TheUnmergedPathHasItsName) {
  v1::GenerateResponse response;
  AppendTo(response, GenerationResult{});
  EXPECT_EQ(response.provenance().path(), v1::UNMERGED);
}

TEST(ConvertGenerationTest, TokensKeepTheirPieces) {
  const v1::TokenizeResponse response =
      ToProto(TokenizedPrompt{.ids = {1, 2}, .pieces = {"<s>", "hi"}});
  EXPECT_THAT(response.ids(), ElementsAre(1, 2));
  EXPECT_THAT(response.pieces(), ElementsAre("<s>", "hi"));
}

}  // namespace
}  // namespace lora
