// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_string_literal.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora::jinja {
namespace {

TEST(JinjaStringLiteralTest, EscapesAreThoseOfPython) {
  EXPECT_THAT(UnescapeString(R"(a\n\t\r\\\'\"b)"),
              IsOkAndHolds("a\n\t\r\\'\"b"));
  EXPECT_THAT(UnescapeString(R"(\a\b\f\v)"), IsOkAndHolds("\a\b\f\v"));
  EXPECT_THAT(UnescapeString(R"(\x41\u00e9\U0001F600)"), IsOkAndHolds("Aé😀"));
  EXPECT_THAT(UnescapeString(R"(\101\x41)"), IsOkAndHolds("AA"));
  EXPECT_THAT(UnescapeString("a\\\nb"), IsOkAndHolds("ab"));
}

TEST(JinjaStringLiteralTest, UnknownEscapesStay) {
  EXPECT_THAT(UnescapeString(R"(\q\ñ\)"), IsOkAndHolds(R"(\q\ñ\)"));
}

TEST(JinjaStringLiteralTest, EscapesThatNameNoCharacterAreRefused) {
  for (const char* text :
       {R"(\x4)", R"(\u12)", R"(\xzz)", R"(\ud800)", R"(\U00110000)"}) {
    EXPECT_THAT(UnescapeString(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(JinjaStringLiteralTest, QuotingChoosesTheQuoteThatNeedsNoEscape) {
  EXPECT_EQ(QuoteString("a"), "'a'");
  EXPECT_EQ(QuoteString("it's"), "\"it's\"");
  EXPECT_EQ(QuoteString("\"q\""), "'\"q\"'");
  EXPECT_EQ(QuoteString("'\""), "'\\'\"'");
}

TEST(JinjaStringLiteralTest, QuotingEscapesWhatCannotBeSeen) {
  EXPECT_EQ(QuoteString("\n\t\r\\"), R"('\n\t\r\\')");
  EXPECT_EQ(QuoteString("\x01\x7F\u00A0\u200B\U000E0001"),
            R"('\x01\x7f\xa0\u200b\U000e0001')");
  EXPECT_EQ(QuoteString("é😀字"), "'é😀字'");
}

}  // namespace
}  // namespace lora::jinja
