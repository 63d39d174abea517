// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_parser.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora::jinja {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(JinjaParserTest, UnsupportedStatementsAreNamedWithTheirLine) {
  for (const char* name : {"import", "include", "extends", "block", "call",
                           "raw", "do", "autoescape", "trans", "from"}) {
    const absl::Status status =
        ParseTemplate(absl::StrCat("a\nb\n{% ", name, " x %}")).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 ErrorReason::kChatTemplate));
    EXPECT_THAT(status, MessageIs(AllOf(HasSubstr("line 3"),
                                        HasSubstr(std::string(name)))));
  }
}

TEST(JinjaParserTest, UnsupportedConstructsAreNamedWithTheirLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"\n{{ a|wordwrap }}", "\"wordwrap\""},
      {"\n{{ a is escaped }}", "\"escaped\""},
      {"\n{{ a[1, 2] }}", "comma"},
      {"\n{{ f(*a) }}", "*"},
      {"\n{{ f(**a) }}", "*"},
      {"\n{% for a in b recursive %}{% endfor %}", "recursive"},
      {"\n{% for a in b %}{% macro m() %}{% endmacro %}{% endfor %}", "macro"},
      {"\n{% set a %}{% macro m() %}{% endmacro %}{% endset %}", "macro"},
      {"\n{{ 99999999999999999999 }}", "64 bits"},
  };
  for (const auto& [source, name] : cases) {
    const absl::Status status = ParseTemplate(source).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 ErrorReason::kChatTemplate))
        << source;
    EXPECT_THAT(status, MessageIs(AllOf(HasSubstr("line 2"), HasSubstr(name))));
  }
}

TEST(JinjaParserTest, BadSyntaxIsRefusedWithItsLine) {
  for (const char* source :
       {"\n{% if a %}",
        "\n{% endif %}",
        "\n{% else %}",
        "\n{% if %}",
        "\n{% for a %}{% endfor %}",
        "\n{% for 1 in a %}{% endfor %}",
        "\n{% set 1 = 2 %}",
        "\n{% set a = %}",
        "\n{% set a.b, c = 1 %}",
        "\n{{ }}",
        "\n{{ a b }}",
        "\n{{ a. }}",
        "\n{{ a[] }}",
        "\n{{ a[ }}",
        "\n{{ f(a=1, 2) }}",
        "\n{{ f(a }}",
        "\n{{ [1 2] }}",
        "\n{{ {1} }}",
        "\n{{ a | }}",
        "\n{{ a is }}",
        "\n{{ not }}",
        "\n{{ 1 + }}",
        "\n{% break %}",
        "\n{% continue %}",
        "\n{% macro %}{% endmacro %}",
        "\n{% macro m(1) %}{% endmacro %}",
        "\n{% macro m() %}",
        "\n{% for a in b %}{% set c %}{% break %}{% endset %}{% endfor %}",
        "\n{% with a %}{% endwith %}",
        "\n{% filter %}{% endfilter %}",
        "\n{% 1 %}",
        "\n{% for a in b %}{% endif %}"}) {
    const absl::Status status = ParseTemplate(source).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kChatTemplate))
        << source;
    EXPECT_THAT(status, MessageIs(HasSubstr("line 2"))) << source;
  }
}

std::string Repeat(absl::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) absl::StrAppend(&out, text);
  return out;
}

TEST(JinjaParserTest, NestingIsBounded) {
  constexpr int kDeep = 100'000;
  const std::string sources[] = {
      absl::StrCat("{{ ", Repeat("(", kDeep), "1", Repeat(")", kDeep), " }}"),
      absl::StrCat("{{ ", Repeat("[", kDeep), Repeat("]", kDeep), " }}"),
      absl::StrCat("{{ ", Repeat("not ", kDeep), "1 }}"),
      absl::StrCat("{{ ", Repeat("-", kDeep), "1 }}"),
      absl::StrCat("{{ ", Repeat("a if b else ", kDeep), "1 }}"),
      absl::StrCat("{{ 1", Repeat(" + 1", kDeep), " }}"),
      absl::StrCat("{{ 1", Repeat(" and 1", kDeep), " }}"),
      absl::StrCat("{{ a", Repeat(".a", kDeep), " }}"),
      absl::StrCat("{{ a", Repeat("|trim", kDeep), " }}"),
      absl::StrCat("{{ a", Repeat(" if a", kDeep), " }}"),
      Repeat("{% if a %}", kDeep),
  };
  for (const std::string& source : sources) {
    EXPECT_THAT(ParseTemplate(source),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ErrorReason::kChatTemplate))
        << source.substr(0, 40);
  }
}

TEST(JinjaParserTest, LongTemplatesAreNotDeep) {
  EXPECT_THAT(ParseTemplate(Repeat("{% if a %}b{% endif %}{{ c }}", 10'000)),
              IsOk());
  EXPECT_THAT(ParseTemplate(absl::StrCat(
                  "{% if a %}", Repeat("{% elif b %}", 10'000), "{% endif %}")),
              IsOk());
}

}  // namespace
}  // namespace lora::jinja
