// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/json.h"
#include "server/tokenizer/incremental_detokenizer.h"
#include "server/tokenizer/tokenizer.h"
#include "server/tokenizer/utf8.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/golden_text.h"

namespace lora {
namespace {

using Ids = std::vector<int32_t>;

// Everything that a streaming client would see, with every part checked to be
// whole characters.
std::string Stream(const Tokenizer& tokenizer, const Ids& ids,
                   SkipSpecial skip) {
  IncrementalDetokenizer detokenizer(tokenizer, skip);
  std::string text;
  for (const int32_t id : ids) {
    const std::string delta = detokenizer.Append(id);
    EXPECT_TRUE(IsValidUtf8(delta)) << absl::CHexEscape(delta);
    text += delta;
  }
  return text + detokenizer.Flush();
}

// A tokenizer and what the Python library makes of the corpus with it.
class TokenizerGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<const Tokenizer>> tokenizer =
        Tokenizer::Load(absl::StrCat("tests/golden/tokenizer/", GetParam()));
    ASSERT_THAT(tokenizer, IsOk());
    tokenizer_ = *std::move(tokenizer);
    expected_ = ReadGoldenJson(absl::StrCat(GetParam(), "/expected.json"));
    corpus_ = ReadGoldenJson("corpus.json");
    ASSERT_EQ(corpus_.size(), expected_["encode"].size());
    ASSERT_GT(corpus_.size(), 100u);
  }

  std::unique_ptr<const Tokenizer> tokenizer_;
  Json expected_;
  Json corpus_;
};

TEST_P(TokenizerGoldenTest, EncodesTheCorpusAsTheLibraryDoes) {
  for (size_t i = 0; i < corpus_.size(); ++i) {
    const auto text = corpus_[i].get<std::string>();
    const Json& expected = expected_["encode"][i];
    SCOPED_TRACE(absl::StrCat("text ", i, ": ", absl::CHexEscape(text)));
    EXPECT_THAT(tokenizer_->Encode(text, SpecialTokens::kNone),
                IsOkAndHolds(expected[0].get<Ids>()));
    EXPECT_THAT(tokenizer_->Encode(text, SpecialTokens::kAdd),
                IsOkAndHolds(expected[1].get<Ids>()));
  }
}

TEST_P(TokenizerGoldenTest, DecodesTheCorpusAsTheLibraryDoes) {
  for (size_t i = 0; i < corpus_.size(); ++i) {
    const auto ids = expected_["encode"][i][1].get<Ids>();
    const Json& expected = expected_["decode"][i];
    SCOPED_TRACE(absl::StrCat("text ", i));
    EXPECT_EQ(tokenizer_->Decode(ids, SkipSpecial::kNo),
              expected[0].get<std::string>());
    EXPECT_EQ(tokenizer_->Decode(ids, SkipSpecial::kYes),
              expected[1].get<std::string>());
  }
}

TEST_P(TokenizerGoldenTest, DecodesRandomIdsAsTheLibraryDoes) {
  ASSERT_GT(expected_["random"].size(), 30u);
  for (const Json& entry : expected_["random"]) {
    const auto ids = entry[0].get<Ids>();
    SCOPED_TRACE(entry[0].dump());
    EXPECT_EQ(tokenizer_->Decode(ids, SkipSpecial::kNo),
              entry[1].get<std::string>());
    EXPECT_EQ(tokenizer_->Decode(ids, SkipSpecial::kYes),
              entry[2].get<std::string>());
  }
}

TEST_P(TokenizerGoldenTest, StreamsWhatItDecodes) {
  for (size_t i = 0; i < corpus_.size(); ++i) {
    const auto ids = expected_["encode"][i][1].get<Ids>();
    SCOPED_TRACE(absl::StrCat("text ", i));
    for (const SkipSpecial skip : {SkipSpecial::kNo, SkipSpecial::kYes}) {
      EXPECT_EQ(Stream(*tokenizer_, ids, skip), tokenizer_->Decode(ids, skip));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerGoldenTest,
                         testing::Values("gpt2", "gpt2_prefix_space", "llama3",
                                         "qwen2", "llama2", "metaspace_always",
                                         "metaspace_first", "metaspace_never",
                                         "gemma", "partial_bytes", "flags",
                                         "nfd_whitespace", "tekken", "deepseek",
                                         "llama2_normalized"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace lora
