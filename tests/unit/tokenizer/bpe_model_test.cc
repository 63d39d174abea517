// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/bpe_model.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

using Ids = std::vector<int32_t>;

Json BaseSpec() {
  return Json{
      {"type", "BPE"},
      {"vocab", {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"ab", 3}, {"aba", 4}}},
      {"merges", {"a b", "ab a"}}};
}

absl::StatusOr<Ids> Tokenize(const Json& spec, absl::string_view word) {
  LORA_ASSIGN_OR_RETURN(const auto model, BpeModel::Parse(spec));
  Ids ids;
  BpeWorkspace workspace;
  LORA_RETURN_IF_ERROR(model->Tokenize(word, workspace, ids));
  return ids;
}

TEST(BpeModelTest, MergesCharactersIntoTokens) {
  EXPECT_THAT(Tokenize(BaseSpec(), "babab"),
              IsOkAndHolds(ElementsAre(2, 3, 3)));
  EXPECT_THAT(Tokenize(BaseSpec(), "aba"), IsOkAndHolds(ElementsAre(4)));
  EXPECT_THAT(Tokenize(BaseSpec(), ""), IsOkAndHolds(ElementsAre()));
}

TEST(BpeModelTest, MergesAreStringsOrPairs) {
  Json spec = BaseSpec();
  spec["merges"] = Json::array({"#version: 0.2", "a b"});
  EXPECT_THAT(Tokenize(spec, "ab"), IsOkAndHolds(ElementsAre(3)));
  spec["merges"] = Json::array({Json::array({"a", "b"})});
  EXPECT_THAT(Tokenize(spec, "ab"), IsOkAndHolds(ElementsAre(3)));
}

TEST(BpeModelTest, IgnoreMergesTakesWholeWordsFirst) {
  Json spec = BaseSpec();
  spec["vocab"]["bab"] = 9;
  EXPECT_THAT(Tokenize(spec, "bab"), IsOkAndHolds(ElementsAre(2, 3)));
  spec["ignore_merges"] = true;
  EXPECT_THAT(Tokenize(spec, "bab"), IsOkAndHolds(ElementsAre(9)));
}

TEST(BpeModelTest, UnknownCharactersBecomeTheUnknownToken) {
  Json spec = BaseSpec();
  // Without an unknown token they vanish.
  EXPECT_THAT(Tokenize(spec, "axyb"), IsOkAndHolds(ElementsAre(3)));
  spec["unk_token"] = "<unk>";
  EXPECT_THAT(Tokenize(spec, "axyb"), IsOkAndHolds(ElementsAre(1, 0, 0, 2)));
  spec["fuse_unk"] = true;
  EXPECT_THAT(Tokenize(spec, "axyb😀"), IsOkAndHolds(ElementsAre(1, 0, 2, 0)));
}

TEST(BpeModelTest, AnUnknownTokenOutsideTheVocabularyIsAnErrorWhenNeeded) {
  Json spec = BaseSpec();
  spec["unk_token"] = "[UNK]";
  EXPECT_THAT(Tokenize(spec, "ab"), IsOk());
  EXPECT_THAT(Tokenize(spec, "x"), StatusIs(absl::StatusCode::kInvalidArgument,
                                            ErrorReason::kInput));
}

TEST(BpeModelTest, ByteFallbackNeedsEveryByte) {
  Json spec = BaseSpec();
  spec["unk_token"] = "<unk>";
  spec["byte_fallback"] = true;
  spec["vocab"]["<0xC3>"] = 10;
  spec["vocab"]["<0xA9>"] = 11;
  EXPECT_THAT(Tokenize(spec, "aéb"), IsOkAndHolds(ElementsAre(1, 10, 11, 2)));
  EXPECT_THAT(Tokenize(spec, "è"), IsOkAndHolds(ElementsAre(0)));
}

TEST(BpeModelTest, PrefixesAndSuffixesMarkThePlaceInTheWord) {
  const Json spec{{"vocab",
                   {{"a", 0},
                    {"##b", 1},
                    {"##b</w>", 2},
                    {"a##b", 3},
                    {"ab", 4},
                    {"a</w>", 5}}},
                  {"merges", {"a ##b"}},
                  {"continuing_subword_prefix", "##"},
                  {"end_of_word_suffix", "</w>"}};
  EXPECT_THAT(Tokenize(spec, "abb"), IsOkAndHolds(ElementsAre(4, 2)));
  EXPECT_THAT(Tokenize(spec, "a"), IsOkAndHolds(ElementsAre(5)));
}

TEST(BpeModelTest, TokensAndIdsFindEachOther) {
  Json spec = BaseSpec();
  spec["vocab"]["far"] = 100;
  const auto model = BpeModel::Parse(spec);
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ((*model)->max_id(), 100);
  EXPECT_EQ((*model)->num_tokens(), 6);
  EXPECT_THAT((*model)->TokenId("ab"), Optional(3));
  EXPECT_EQ((*model)->TokenId("zz"), std::nullopt);
  EXPECT_THAT((*model)->Token(100), Optional(Eq("far")));
  EXPECT_EQ((*model)->Token(50), std::nullopt);
  EXPECT_EQ((*model)->Token(101), std::nullopt);
  EXPECT_EQ((*model)->Token(-1), std::nullopt);
}

TEST(BpeModelTest, OtherModelsAreRefusedByName) {
  for (const char* type : {"WordPiece", "Unigram", "WordLevel"}) {
    Json spec = BaseSpec();
    spec["type"] = type;
    EXPECT_THAT(
        BpeModel::Parse(spec),
        StatusIs(absl::StatusCode::kUnimplemented, ErrorReason::kBaseFeature));
    EXPECT_THAT(BpeModel::Parse(spec), MessageIs(HasSubstr(type)));
  }
}

TEST(BpeModelTest, MalformedModelsAreRefused) {
  const auto refuses = [](absl::string_view member, Json value,
                          absl::string_view message) {
    Json spec = BaseSpec();
    spec[std::string(member)] = std::move(value);
    EXPECT_THAT(
        BpeModel::Parse(spec),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kBase));
    EXPECT_THAT(BpeModel::Parse(spec),
                MessageIs(HasSubstr(std::string(message))));
  };
  refuses("vocab", Json::array(), "vocab");
  refuses("vocab", Json{{"a", -1}}, "\"a\"");
  refuses("vocab", Json{{"a", "1"}}, "\"a\"");
  refuses("vocab", Json{{"a", 1.5}}, "\"a\"");
  refuses("merges", nullptr, "merges");
  refuses("merges", Json::array({"a"}), "merge 0");
  refuses("merges", Json::array({"a b c"}), "merge 0");
  refuses("merges", Json::array({"a b", 7}), "merge 1");
  refuses("merges", Json::array({Json::array({"a"})}), "merge 0");
  refuses("merges", Json::array({"a z"}), "\"z\"");
  refuses("merges", Json::array({"b a"}), "\"ba\"");
  refuses("byte_fallback", 1, "byte_fallback");
  refuses("unk_token", false, "unk_token");
}

TEST(BpeModelTest, AWordOfAMillionCharactersIsNoQuadraticWork) {
  const auto model = BpeModel::Parse(BaseSpec());
  ASSERT_THAT(model, IsOk());
  std::string word;
  while (word.size() < (1 << 20)) word += "ab";
  Ids ids;
  BpeWorkspace workspace;
  // Quadratic work would take hours: longer than a test may.
  ASSERT_THAT((*model)->Tokenize(word, workspace, ids), IsOk());
  EXPECT_EQ(ids.size(), word.size() / 2);
}

}  // namespace
}  // namespace lora
