// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_lexer.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora::jinja {
namespace {

using ::testing::HasSubstr;

// The tokens in one line: text in quotes, tags as they are.
std::string Lex(absl::string_view source) {
  const absl::StatusOr<std::vector<Token>> tokens = Tokenize(source);
  EXPECT_THAT(tokens, IsOk());
  std::string out;
  for (const Token& token : tokens.value_or(std::vector<Token>())) {
    switch (token.kind) {
      case TokenKind::kText:
        absl::StrAppend(&out, "'", token.text, "'");
        break;
      case TokenKind::kPrintBegin:
        absl::StrAppend(&out, "{{");
        break;
      case TokenKind::kPrintEnd:
        absl::StrAppend(&out, "}}");
        break;
      case TokenKind::kBlockBegin:
        absl::StrAppend(&out, "{%");
        break;
      case TokenKind::kBlockEnd:
        absl::StrAppend(&out, "%}");
        break;
      case TokenKind::kString:
        absl::StrAppend(&out, " s:", token.text);
        break;
      case TokenKind::kEnd:
        break;
      default:
        absl::StrAppend(&out, " ", token.text);
        break;
    }
  }
  return out;
}

TEST(JinjaLexerTest, TextAndTagsAlternate) {
  EXPECT_EQ(Lex("a{{ b }}c{% d %}e"), "'a'{{ b}}'c'{% d%}'e'");
  EXPECT_EQ(Lex(""), "");
  EXPECT_EQ(Lex("{ a } {b"), "'{ a } {b'");
}

TEST(JinjaLexerTest, CommentsVanish) {
  EXPECT_EQ(Lex("a{# {{ b }} #}c"), "'a''c'");
  EXPECT_EQ(Lex("a {#- b -#} c"), "'a''c'");
}

TEST(JinjaLexerTest, BlocksTakeTheirLineWithThem) {
  EXPECT_EQ(Lex("a\n  {% b %}\nc"), "'a\n'{% b%}'c'");
  EXPECT_EQ(Lex("a  {% b %} \nc"), "'a  '{% b%}' \nc'");
  EXPECT_EQ(Lex("  {% b %}\n\nc"), "{% b%}'\nc'");
  EXPECT_EQ(Lex("a\n  {# b #}\nc"), "'a\n''c'");
}

TEST(JinjaLexerTest, PrintsLeaveTheirLine) {
  EXPECT_EQ(Lex("a\n  {{ b }}\nc"), "'a\n  '{{ b}}'\nc'");
}

TEST(JinjaLexerTest, SignsTakeOrKeepWhiteSpace) {
  EXPECT_EQ(Lex("a \n {{- b -}} \n c"), "'a'{{ b}}'c'");
  EXPECT_EQ(Lex("a \n {%- b -%} \n c"), "'a'{% b%}'c'");
  EXPECT_EQ(Lex("a\n  {%+ b +%}\nc"), "'a\n  '{% b%}'\nc'");
}

TEST(JinjaLexerTest, OneNewlineAtTheEndIsDroppedAndOthersAreUnified) {
  EXPECT_EQ(Lex("a\n"), "'a'");
  EXPECT_EQ(Lex("a\n\n"), "'a\n'");
  EXPECT_EQ(Lex("a\r\nb\rc"), "'a\nb\nc'");
}

TEST(JinjaLexerTest, NumbersStringsNamesAndOperatorsAreTold) {
  EXPECT_EQ(Lex("{{ 1 1.5 2e3 1_0 a.0.5 x_1 }}"),
            "{{ 1 1.5 2e3 10 a . 0 . 5 x_1}}");
  EXPECT_EQ(Lex(R"({{ 'a"b' "c'd" 'e\'f' }})"), R"({{ s:a"b s:c'd s:e'f}})");
  EXPECT_EQ(Lex("{{ a//b**c!=d<=e }}"), "{{ a // b ** c != d <= e}}");
}

TEST(JinjaLexerTest, BracketsKeepATagOpen) {
  EXPECT_EQ(Lex("{{ {'a': {}} }}"), "{{ { s:a : { } }}}");
}

TEST(JinjaLexerTest, LinesAreCounted) {
  const auto tokens = Tokenize("a\n{{ b\n}}\n{# \n #}{{ c }}");
  ASSERT_THAT(tokens, IsOk());
  for (const Token& token : *tokens) {
    if (token.text == "b") {
      EXPECT_EQ(token.line, 2);
    }
    if (token.text == "c") {
      EXPECT_EQ(token.line, 5);
    }
  }
}

TEST(JinjaLexerTest, WhatDoesNotEndIsRefusedWithItsLine) {
  for (const char* source :
       {"\n{{ a", "\n{% a }}", "\n{# a", "\n{{ 'a }}", "\n{{ (a }}",
        "\n{{ a) }}", "\n{{ [a) }}", "\n{{ ? }}", "\n{{ '\\xZZ' }}"}) {
    const absl::Status status = Tokenize(source).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kChatTemplate))
        << source;
    EXPECT_THAT(status, MessageIs(HasSubstr("line 2"))) << source;
  }
}

}  // namespace
}  // namespace lora::jinja
