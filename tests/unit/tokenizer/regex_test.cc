// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/regex.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

// The spans of `text`, matches in brackets.
std::string Cut(absl::string_view pattern, absl::string_view text) {
  const absl::StatusOr<Regex> regex = Regex::Compile(pattern);
  EXPECT_THAT(regex, IsOk());
  if (!regex.ok()) return "";
  const absl::StatusOr<std::vector<MatchSpan>> spans = regex->Cut(text);
  EXPECT_THAT(spans, IsOk());
  std::string out;
  for (const MatchSpan& span : spans.value_or(std::vector<MatchSpan>())) {
    const absl::string_view part =
        text.substr(span.begin, span.end - span.begin);
    absl::StrAppend(&out, span.is_match ? "[" : "(", part,
                    span.is_match ? "]" : ")");
  }
  return out;
}

TEST(RegexTest, CutsATextIntoMatchesAndWhatLiesBetween) {
  EXPECT_EQ(Cut("b+", "abbcb"), "(a)[bb](c)[b]");
  EXPECT_EQ(Cut("x", "abc"), "(abc)");
  EXPECT_EQ(Cut("a", ""), "");
  EXPECT_EQ(Cut("", "ab"), "[](a)[](b)[]");
  EXPECT_EQ(Cut("b*", "abbc"), "[](a)[bb](c)[]");
}

TEST(RegexTest, CutsTheWordsOfTheFamilies) {
  const char* gpt2 =
      R"('s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  EXPECT_EQ(Cut(gpt2, "it's  12ñ !?\n"), "[it]['s][ ][ 12][ñ][ !?][\n]");
  EXPECT_EQ(Cut(R"(\p{N}{1,3})", "1234567"), "[123][456][7]");
  EXPECT_EQ(Cut("(?i:'ll|'re)", "I'LL we'Re"), "(I)['LL]( we)['Re]");
}

TEST(RegexTest, ClassesMeanWhatOnigurumaMeans) {
  // White space is the Unicode property: not U+180E.
  EXPECT_EQ(Cut(R"(\s)", "a\u0085\u180E\u00A0"), "(a)[\u0085](\u180E)[\u00A0]");
  EXPECT_EQ(Cut(R"(\S)", "\u180E "), "[\u180E]( )");
  EXPECT_EQ(Cut(R"(\w+)", "a_1\u0301²-"), "[a_1\u0301²](-)");
  EXPECT_EQ(Cut(R"([\w]+)", "a²"), "[a](²)");
  EXPECT_EQ(Cut(R"(\W+)", "a-²"), "(a)[-](²)");
  EXPECT_EQ(Cut(R"(\d\D)", "٣a"), "[٣a]");
  EXPECT_EQ(Cut(R"([\s\d]+)", "a 1"), "(a)[ 1]");
  // A script without the characters it shares with others.
  EXPECT_EQ(Cut(R"(\p{Han}+)", "字、〆"), "[字](、〆)");
  EXPECT_EQ(Cut(R"(\v)", "\n\v"), "(\n)[\v]");
  EXPECT_EQ(Cut(R"(\u00E9|\x{E8})", "éè"), "[é][è]");
}

TEST(RegexTest, AnchorsWorkLineByLine) {
  EXPECT_EQ(Cut("^a|b$", "a\nab\nb"), "[a](\n)[a][b](\n)[b]");
  EXPECT_EQ(Cut(R"(\Aa|a\z)", "a\na\na"), "[a](\na\n)[a]");
  EXPECT_EQ(Cut("a.", "a\nab"), "(a\n)[ab]");
}

TEST(RegexTest, LiteralSetsAndEscapesStay) {
  EXPECT_EQ(Cut(R"([\[\]\-^]+)", "a[]-^"), "(a)[[]-^]");
  EXPECT_EQ(Cut("[]a]+", "b]a"), "(b)[]a]");
  EXPECT_EQ(Cut("[^]a]+", "b]a"), "[b](]a)");
  EXPECT_EQ(Cut(R"(\.\*\ )", "a.* "), "(a)[.* ]");
}

TEST(RegexTest, LookaroundsAndAtomicGroupsStay) {
  EXPECT_EQ(Cut("a(?=b)", "aab"), "(a)[a](b)");
  EXPECT_EQ(Cut("(?<=a)b", "abb"), "(a)[b](b)");
  EXPECT_EQ(Cut("(?<!a)b", "abb"), "(ab)[b]");
  EXPECT_EQ(Cut("(?>a+)b", "aab"), "[aab]");
  EXPECT_EQ(Cut("(a)(?:b)", "ab"), "[ab]");
}

TEST(RegexTest, WhatTheDialectsReadDifferentlyIsRefusedByName) {
  for (const char* pattern :
       {R"(\h)", R"(\b)", R"(\R)", R"(\X)", R"(\1)", "[a[b]]", "[a&&b]",
        "(?<name>a)", "(?m:a)", "(?x)a", R"(\p{L}{1,3}+)", R"([\W])", R"([\A])",
        R"(\pL)", R"(\x41)", R"(\u12)", R"(\p{^Han})", "a\\"}) {
    EXPECT_THAT(
        Regex::Compile(pattern),
        StatusIs(absl::StatusCode::kUnimplemented, ErrorReason::kBaseFeature))
        << pattern;
  }
  EXPECT_THAT(Regex::Compile(R"(\p{Klingon})"),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(Regex::Compile(R"(a\h)"), MessageIs(HasSubstr("byte 1")));
}

TEST(RegexTest, WhatIsNoExpressionIsInvalid) {
  for (const char* pattern : {"(", "a)", "[a", "*", "a{2,1}"}) {
    EXPECT_THAT(
        Regex::Compile(pattern),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kBase))
        << pattern;
  }
}

TEST(RegexTest, AMatchThatTakesTooLongIsAnErrorOfTheInput) {
  const absl::StatusOr<Regex> regex = Regex::Compile(R"((a+)+\z)");
  ASSERT_THAT(regex, IsOk());
  EXPECT_THAT(
      regex->Cut(std::string(5000, 'a') + "!"),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kInput));
}

TEST(RegexTest, LongMatchesNeedNoStack) {
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(Cut("(?:a|b)+", text).size(), text.size() + 2);
}

}  // namespace
}  // namespace lora
