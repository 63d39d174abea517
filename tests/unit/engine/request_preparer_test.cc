// SPDX-License-Identifier: Apache-2.0
#include "server/engine/request_preparer.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr int32_t kVocabSize = 260;
constexpr int32_t kEos = 2;

const Tokenizer& ByteTokenizer() {
  static const auto* const tokenizer =
      Tokenizer::Load("examples/skills/base").value().release();
  return *tokenizer;
}

// Ten tokens of context, one token a byte.
class RequestPreparerTest : public ::testing::Test {
 protected:
  RequestPreparerTest() { request_.prompt.content = "hello"; }

  absl::StatusOr<PreparedRequest> Prepare() const {
    return PrepareRequest(ByteTokenizer(), limits_, request_);
  }

  RequestLimits limits_{
      .vocab_size = kVocabSize, .max_context = 10, .end_token_ids = {kEos}};
  GenerationRequest request_;
};

auto IsParamError(absl::string_view text) {
  return ::testing::AllOf(
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam),
      MessageIs(HasSubstr(std::string(text))));
}

TEST_F(RequestPreparerTest, APromptLeavesRoomForOneTokenAtLeast) {
  request_.prompt.content = std::string(9, 'x');
  ASSERT_OK_AND_ASSIGN(const PreparedRequest prepared, Prepare());
  EXPECT_EQ(prepared.prompt.size(), 9);
  EXPECT_EQ(prepared.output.max_new_tokens, 1);
  request_.prompt.content = std::string(10, 'x');
  EXPECT_THAT(Prepare(), StatusIs(absl::StatusCode::kInvalidArgument,
                                  ErrorReason::kInput));
}

TEST_F(RequestPreparerTest, ATextThatCannotFitIsNotTokenised) {
  limits_.max_prompt_bytes = 20;
  request_.prompt.content = std::string(21, '\xFF');
  EXPECT_THAT(Prepare(), MessageIs(HasSubstr("21 bytes")));
}

TEST_F(RequestPreparerTest, ATokenOutsideTheVocabularyIsRefused) {
  request_.prompt.content = std::vector<int32_t>{kVocabSize};
  EXPECT_THAT(Prepare(), StatusIs(absl::StatusCode::kInvalidArgument,
                                  ErrorReason::kInput));
}

TEST_F(RequestPreparerTest, MaxNewTokensIsCappedByTheContext) {
  for (const auto& [asked, got] :
       std::vector<std::pair<std::optional<int32_t>, int32_t>>{
           {std::nullopt, 5},
           {1, 1},
           {5, 5},
           {6, 5},
           {std::numeric_limits<int32_t>::max(), 5}}) {
    request_.max_new_tokens = asked;
    ASSERT_OK_AND_ASSIGN(const PreparedRequest prepared, Prepare());
    EXPECT_EQ(prepared.output.max_new_tokens, got);
  }
}

TEST_F(RequestPreparerTest, MaxNewTokensIsAtLeastOne) {
  for (const int32_t asked : {0, -1}) {
    request_.max_new_tokens = asked;
    EXPECT_THAT(Prepare(), IsParamError("max_new_tokens"));
  }
}

TEST_F(RequestPreparerTest, WithoutALimitAnAnswerHas256Tokens) {
  limits_.max_context = 1000;
  ASSERT_OK_AND_ASSIGN(const PreparedRequest prepared, Prepare());
  EXPECT_EQ(prepared.output.max_new_tokens, 256);
}

TEST_F(RequestPreparerTest, StopTokensJoinTheModelsEndTokens) {
  request_.stop_token_ids = {0, kVocabSize - 1};
  ASSERT_OK_AND_ASSIGN(const PreparedRequest prepared, Prepare());
  EXPECT_THAT(prepared.output.end_token_ids,
              UnorderedElementsAre(0, kEos, kVocabSize - 1));
  request_.ignore_eos = true;
  ASSERT_OK_AND_ASSIGN(const PreparedRequest ignoring, Prepare());
  EXPECT_THAT(ignoring.output.end_token_ids,
              UnorderedElementsAre(0, kVocabSize - 1));
}

TEST_F(RequestPreparerTest, AStopTokenOutsideTheVocabularyIsRefused) {
  for (const int32_t id : {-1, kVocabSize}) {
    request_.stop_token_ids = {id};
    EXPECT_THAT(Prepare(), IsParamError("stop token id"));
  }
}

TEST_F(RequestPreparerTest, SamplingOutOfRangeIsRefused) {
  request_.sampling.top_p = 0.0f;
  EXPECT_THAT(Prepare(), IsParamError("top_p"));
}

TEST_F(RequestPreparerTest, UnsetSamplingIsGreedy) {
  ASSERT_OK_AND_ASSIGN(const PreparedRequest prepared, Prepare());
  EXPECT_EQ(prepared.sampling.temperature, 0.0f);
  EXPECT_EQ(prepared.sampling.top_k, 0);
  EXPECT_EQ(prepared.sampling.top_p, 1.0f);
}

TEST_F(RequestPreparerTest, UnsetSamplingTakesTheDefaultsThatThereAre) {
  limits_.sampling_defaults = DefaultsOf(
      {.do_sample = true,
       .fields = {.temperature = 0.5f, .top_k = 20, .min_p = 0.25f}});
  request_.sampling.top_k = 0;
  ASSERT_OK_AND_ASSIGN(const PreparedRequest prepared, Prepare());
  EXPECT_EQ(prepared.sampling.temperature, 0.5f);
  EXPECT_EQ(prepared.sampling.top_k, 0);
  EXPECT_EQ(prepared.sampling.top_p, 1.0f);
  EXPECT_EQ(prepared.sampling.min_p, 0.25f);
  request_.sampling.temperature = 0.0f;
  EXPECT_EQ(Prepare()->sampling.temperature, 0.0f);
}

TEST_F(RequestPreparerTest, AModelThatDoesNotSampleIsGreedyByDefault) {
  EXPECT_EQ(DefaultsOf({.fields = {.temperature = 0.5f}}).temperature, 0.0f);
  EXPECT_EQ(DefaultsOf({.do_sample = true}).temperature, 1.0f);
}

TEST_F(RequestPreparerTest, ASeedDecidesEveryDrawAndNoSeedIsARandomOne) {
  request_.sampling.seed = 7;
  EXPECT_EQ(Prepare()->sampling.seed, 7);
  request_.sampling.seed.reset();
  EXPECT_NE(Prepare()->sampling.seed, Prepare()->sampling.seed);
}

// AUTO may depend on what else runs; a seed promises the same tokens.
TEST_F(RequestPreparerTest, ASeededDrawIsUnmergedUnlessAPathIsNamed) {
  EXPECT_EQ(Prepare()->path, PathPreference::kAuto);
  request_.sampling.seed = 7;
  EXPECT_EQ(Prepare()->path, PathPreference::kAuto);  // Greedy.
  request_.sampling.temperature = 1.0f;
  EXPECT_EQ(Prepare()->path, PathPreference::kUnmerged);
  request_.path = PathPreference::kMerged;
  EXPECT_EQ(Prepare()->path, PathPreference::kMerged);
  request_.path = PathPreference::kAuto;
  request_.sampling.seed.reset();
  EXPECT_EQ(Prepare()->path, PathPreference::kAuto);
}

TEST_F(RequestPreparerTest, PromptsThatDependOnTheirLengthAreNotShared) {
  EXPECT_EQ(Prepare()->max_shared_tokens, std::numeric_limits<int32_t>::max());
  limits_.max_shared_prompt = 5;
  EXPECT_EQ(Prepare()->max_shared_tokens, 5);
  limits_.max_shared_prompt = 4;
  EXPECT_EQ(Prepare()->max_shared_tokens, 0);
}

TEST_F(RequestPreparerTest, WeightsAreFiniteAndAdaptersDifferent) {
  const auto is_weights_error =
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights);
  const AdapterId a("a");
  EXPECT_OK(CheckWeights({{a, -1.0f}, {AdapterId("b"), 0.0f}}));
  EXPECT_THAT(CheckWeights({{a}, {a}}), is_weights_error);
  EXPECT_THAT(CheckWeights({{a, std::nanf("")}}), is_weights_error);
  const absl::Status infinite = CheckWeights({{a, INFINITY}});
  EXPECT_THAT(infinite, is_weights_error);
  EXPECT_EQ(GetErrorMetadata(infinite).at("adapter_id"), "a");
}

}  // namespace
}  // namespace lora
