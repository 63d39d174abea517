// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/added_tokens.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

// The parts of `text`: tokens as <id>, text in brackets.
std::string Split(std::vector<AddedToken> tokens, absl::string_view text,
                  const Json& normalizer_spec = nullptr) {
  const auto normalizer = Normalizer::Parse(normalizer_spec);
  EXPECT_THAT(normalizer, IsOk());
  const auto added = AddedTokens::Build(std::move(tokens), **normalizer);
  EXPECT_THAT(added, IsOk());
  const auto parts = added->Split(text, **normalizer);
  EXPECT_THAT(parts, IsOk());
  std::string out;
  for (const InputPart& part : *parts) {
    if (part.token_id.has_value()) {
      absl::StrAppend(&out, "<", *part.token_id, ">");
    } else {
      absl::StrAppend(&out, part.piece.begins_input ? "^" : "", "[",
                      part.piece.text, "]");
    }
  }
  return out;
}

TEST(AddedTokensTest, TokensAreCutOutOfTheText) {
  const AddedToken token{.id = 5, .content = "<s>"};
  EXPECT_EQ(Split({token}, "a<s>b<s><s>"), "^[a]<5>[b]<5><5>");
  EXPECT_EQ(Split({token}, "<s>a"), "<5>[a]");
  EXPECT_EQ(Split({token}, ""), "");
  EXPECT_EQ(Split({}, "a<s>"), "^[a<s>]");
}

TEST(AddedTokensTest, TheLongestTokenWins) {
  EXPECT_EQ(Split({{.id = 1, .content = "\n"}, {.id = 2, .content = "\n\n"}},
                  "a\n\n\nb"),
            "^[a]<2><1>[b]");
}

TEST(AddedTokensTest, StrippingTokensSwallowWhiteSpace) {
  EXPECT_EQ(Split({{.id = 1, .content = "#", .lstrip = true}}, "a \u3000# b"),
            "^[a]<1>[ b]");
  EXPECT_EQ(Split({{.id = 1, .content = "#", .rstrip = true}}, "a # \n b"),
            "^[a ]<1>[b]");
  // White space goes to the token that comes first.
  EXPECT_EQ(
      Split({{.id = 1, .content = "#", .lstrip = true, .rstrip = true}}, "# #"),
      "<1><1>");
}

TEST(AddedTokensTest, SingleWordsStandAlone) {
  const AddedToken token{.id = 1, .content = "ab", .single_word = true};
  EXPECT_EQ(Split({token}, "ab cab abc ab-ab ab_ éab"),
            "<1>[ cab abc ]<1>[-]<1>[ ab_ éab]");
  EXPECT_EQ(Split({token}, "ab\u0301 ab\u200D ab😀"),
            "^[ab\u0301 ab\u200D ]<1>[😀]");
}

TEST(AddedTokensTest, NormalizedTokensAreFoundInNormalizedText) {
  const Json lowercase{{"type", "Lowercase"}};
  EXPECT_EQ(Split({{.id = 1, .content = "Day", .normalized = true}},
                  "a DAY day", lowercase),
            "^[a ]<1>[ ]<1>");
  EXPECT_EQ(Split({{.id = 1, .content = "Day"}}, "a DAY Day", lowercase),
            "^[a day ]<1>");
}

TEST(AddedTokensTest, RawTokensGoBeforeNormalizedOnes) {
  EXPECT_EQ(Split({{.id = 1, .content = "ab", .normalized = true},
                   {.id = 2, .content = "b"}},
                  "ab"),
            "^[a]<2>");
}

TEST(AddedTokensTest, EachPartIsNormalizedOnItsOwn) {
  EXPECT_EQ(Split({{.id = 1, .content = "</s>"}}, "a</s>b",
                  Json{{"type", "Prepend"}, {"prepend", "▁"}}),
            "^[▁a]<1>[▁b]");
}

TEST(AddedTokensTest, TokensAreFoundByIdAndContent) {
  const auto normalizer = Normalizer::Parse(Json{{"type", "Lowercase"}});
  ASSERT_THAT(normalizer, IsOk());
  const auto added = AddedTokens::Build(
      {{.id = 9, .content = "A", .normalized = true, .special = true},
       {.id = 4, .content = "B"}},
      **normalizer);
  ASSERT_THAT(added, IsOk());
  EXPECT_EQ(added->Find(9)->content, "A");
  EXPECT_EQ(added->Find("B")->id, 4);
  EXPECT_EQ(added->Find(5), nullptr);
  EXPECT_EQ(added->Find("C"), nullptr);
  EXPECT_EQ(added->DecoderInput(*added->Find(9)), "a");
  EXPECT_EQ(added->DecoderInput(*added->Find(4)), "B");
  EXPECT_EQ(added->max_id(), 9);
}

TEST(AddedTokensTest, FlagsHaveTheDefaultsOfTheLibrary) {
  const auto plain = AddedToken::Parse(Json{{"content", "a"}});
  ASSERT_THAT(plain, IsOk());
  EXPECT_TRUE(plain->normalized);
  EXPECT_FALSE(plain->special || plain->lstrip || plain->rstrip ||
               plain->single_word);
  const auto special =
      AddedToken::Parse(Json{{"content", "a"}, {"special", true}});
  ASSERT_THAT(special, IsOk());
  EXPECT_FALSE(special->normalized);
  EXPECT_THAT(AddedToken::Parse(Json{{"special", true}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(AddedToken::Parse(Json("a")),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace lora
