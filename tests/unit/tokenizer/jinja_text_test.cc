// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora::jinja {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(JinjaTextTest, StripTakesWhatPythonCallsSpace) {
  EXPECT_EQ(StripText(" \x1C\u3000 a \n", StripSides::kBoth), "a");
  EXPECT_EQ(StripText(" a ", StripSides::kLeft), "a ");
  EXPECT_EQ(StripText(" a ", StripSides::kRight), " a");
  EXPECT_EQ(StripText("\u200Ba", StripSides::kBoth), "\u200Ba");
  EXPECT_EQ(StripText(" ", StripSides::kBoth), "");
}

TEST(JinjaTextTest, StripTakesAnyOfTheCharacters) {
  EXPECT_EQ(StripText("xyéaéx", StripSides::kBoth, "éxy"), "a");
  EXPECT_EQ(StripText("xax", StripSides::kBoth, ""), "xax");
}

TEST(JinjaTextTest, WordsLieBetweenSpaces) {
  EXPECT_THAT(SplitWords(" a  b\n", std::nullopt), ElementsAre("a", "b"));
  EXPECT_THAT(SplitWords(" a  b c ", 1), ElementsAre("a", "b c "));
  EXPECT_THAT(SplitWords(" a b", 0), ElementsAre("a b"));
  EXPECT_THAT(SplitWords("a b", -1), ElementsAre("a", "b"));
  EXPECT_THAT(SplitWords("  ", std::nullopt), IsEmpty());
}

TEST(JinjaTextTest, SeparatorsSplitFromEitherSide) {
  EXPECT_THAT(SplitText("a,b,c", ",", std::nullopt),
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(SplitText("a,b,c", ",", 1), ElementsAre("a", "b,c"));
  EXPECT_THAT(SplitTextFromRight("a,b,c", ",", 1), ElementsAre("a,b", "c"));
  EXPECT_THAT(SplitText("", ",", std::nullopt), ElementsAre(""));
  EXPECT_THAT(SplitText(",", ",", std::nullopt), ElementsAre("", ""));
  EXPECT_THAT(SplitTextFromRight("aaa", "aa", std::nullopt),
              ElementsAre("a", ""));
}

TEST(JinjaTextTest, LinesEndAsPythonSeesThem) {
  EXPECT_THAT(SplitLines("a\nb\r\nc\rd\u2028e\x1C"),
              ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(SplitLines("a\n\nb"), ElementsAre("a", "", "b"));
  EXPECT_THAT(SplitLines(""), IsEmpty());
}

TEST(JinjaTextTest, ReplaceCountsAndKnowsTheEmptyText) {
  EXPECT_EQ(ReplaceText("aXbX", "X", "--", std::nullopt), "a--b--");
  EXPECT_EQ(ReplaceText("aXbX", "X", "", 1), "abX");
  EXPECT_EQ(ReplaceText("é1", "", "-", std::nullopt), "-é-1-");
  EXPECT_EQ(ReplaceText("ab", "", "-", 2), "-a-b");
}

TEST(JinjaTextTest, CasesAreOfLettersOfAnyScript) {
  EXPECT_EQ(UpperCase("straße é"), "STRASSE É");
  EXPECT_EQ(Capitalize("élAN"), "Élan");
  EXPECT_EQ(Capitalize(""), "");
  EXPECT_EQ(TitleCase("o'neil x1y éa"), "O'Neil X1Y Éa");
}

TEST(JinjaTextTest, CharactersAreWhole) {
  EXPECT_THAT(Characters("aé😀"), ElementsAre("a", "é", "😀"));
}

}  // namespace
}  // namespace lora::jinja
