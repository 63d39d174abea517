// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/incremental_detokenizer.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::NotNull;

std::unique_ptr<const Tokenizer> LoadGolden(absl::string_view name) {
  auto tokenizer =
      Tokenizer::Load(absl::StrCat("tests/golden/tokenizer/", name));
  EXPECT_THAT(tokenizer, IsOk());
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

// The delta of each token of `pieces`, and last the flush.
std::vector<std::string> Deltas(const Tokenizer& tokenizer,
                                const std::vector<std::string>& pieces,
                                SkipSpecial skip = SkipSpecial::kYes) {
  IncrementalDetokenizer detokenizer(tokenizer, skip);
  std::vector<std::string> deltas;
  for (const std::string& piece : pieces) {
    const std::optional<int32_t> id = tokenizer.TokenId(piece);
    EXPECT_TRUE(id.has_value()) << piece;
    deltas.push_back(detokenizer.Append(id.value_or(-1)));
  }
  deltas.push_back(detokenizer.Flush());
  return deltas;
}

TEST(IncrementalDetokenizerTest, ByteLevelCharactersAreNeverSplit) {
  const auto tokenizer = LoadGolden("gpt2");
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(Deltas(*tokenizer, {"a", "ð", "Ł", "ĺ", "Ģ", "Ã"}),
              ElementsAre("a", "", "", "", "😀", "", "\uFFFD"));
}

TEST(IncrementalDetokenizerTest, OnlyTheFirstSpaceOfTheTextIsStripped) {
  const auto tokenizer = LoadGolden("llama2");
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(Deltas(*tokenizer, {"<s>", "▁the", "</s>", "▁and"}),
              ElementsAre("", "the", "", " and", ""));
  EXPECT_THAT(
      Deltas(*tokenizer, {"<s>", "▁the", "</s>", "▁and"}, SkipSpecial::kNo),
      ElementsAre("<s>", " the", "</s>", " and", ""));
}

TEST(IncrementalDetokenizerTest, ByteTokensComeCharacterByCharacter) {
  const auto tokenizer = LoadGolden("llama2");
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(
      Deltas(*tokenizer, {"<0xE2>", "<0x82>", "<0xAC>", "<0x0A>", "<0xE2>"}),
      ElementsAre("", "", "€", "\n", "", "\uFFFD"));
}

TEST(IncrementalDetokenizerTest, ItTellsWhetherItHoldsTextBack) {
  const auto gpt2 = LoadGolden("gpt2");
  ASSERT_THAT(gpt2, NotNull());
  IncrementalDetokenizer bytes(*gpt2);
  EXPECT_FALSE(bytes.HoldsText());
  bytes.Append(*gpt2->TokenId("ĠÃ"));
  EXPECT_TRUE(bytes.HoldsText());
  bytes.Append(*gpt2->TokenId("©"));
  EXPECT_FALSE(bytes.HoldsText());

  const auto llama2 = LoadGolden("llama2");
  ASSERT_THAT(llama2, NotNull());
  IncrementalDetokenizer stripped(*llama2);
  EXPECT_EQ(stripped.Append(*llama2->TokenId("▁")), "");
  EXPECT_FALSE(stripped.HoldsText());
  stripped.Append(*llama2->TokenId("<0xE2>"));
  EXPECT_TRUE(stripped.HoldsText());
}

TEST(IncrementalDetokenizerTest, UnknownIdsMakeNoText) {
  const auto tokenizer = LoadGolden("gpt2");
  ASSERT_THAT(tokenizer, NotNull());
  IncrementalDetokenizer detokenizer(*tokenizer);
  EXPECT_EQ(detokenizer.Append(-1), "");
  EXPECT_EQ(detokenizer.Append(1 << 30), "");
  EXPECT_EQ(detokenizer.Flush(), "");
}

}  // namespace
}  // namespace lora
