// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/python_regex.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

TEST(PythonRegexTest, MatchesAsMatchAndFullmatchDo) {
  ASSERT_OK_AND_ASSIGN(const auto regex,
                       CompilePythonRegex("", "a|ab", "", RegexPlace::kWhole));
  EXPECT_TRUE(MatchesAtStart(*regex, "abc"));
  EXPECT_FALSE(MatchesAtStart(*regex, "cab"));
  EXPECT_TRUE(MatchesWhole(*regex, "ab"));
  EXPECT_FALSE(MatchesWhole(*regex, "abc"));
}

TEST(PythonRegexTest, WhatIsAroundThePatternIsPartOfIt) {
  ASSERT_OK_AND_ASSIGN(
      const auto regex,
      CompilePythonRegex("x(", "a|b", ")$", RegexPlace::kInside));
  EXPECT_TRUE(MatchesAtStart(*regex, "xb"));
  EXPECT_FALSE(MatchesAtStart(*regex, "b"));
  EXPECT_FALSE(MatchesAtStart(*regex, "xbc"));
}

TEST(PythonRegexTest, GlobalFlagsAreLegalAtTheStartOnly) {
  EXPECT_OK(CompilePythonRegex("", "(?i)Q_PROJ", "", RegexPlace::kWhole));
  EXPECT_OK(CompilePythonRegex("(", "(?i:Q)", ")", RegexPlace::kInside));
  for (const auto& regex :
       {CompilePythonRegex("(", "(?i)Q_PROJ", ")", RegexPlace::kInside)
            .status(),
        CompilePythonRegex("", "q(?i)", "", RegexPlace::kWhole).status()}) {
    EXPECT_THAT(regex, StatusIs(absl::StatusCode::kInvalidArgument,
                                ErrorReason::kRegex));
    EXPECT_THAT(regex, MessageIs(HasSubstr("flags")));
  }
}

TEST(PythonRegexTest, WhatOneOfTheEnginesDoesNotKnowIsRefused) {
  for (const std::string& pattern : std::initializer_list<std::string>{
           "(", "a)(b", "(?=a)", "(?<!a)b", R"((a)\1)", R"(\pL)", R"(\Qa\E)",
           R"(a\z)", "a{,3}", "a**", std::string(513, 'a'),
           "((a{100}){100}){100}"}) {
    const auto regex =
        CompilePythonRegex("(", pattern, ")", RegexPlace::kInside);
    EXPECT_THAT(regex, StatusIs(absl::StatusCode::kInvalidArgument,
                                ErrorReason::kRegex))
        << pattern;
    EXPECT_THAT(regex, MessageIs(HasSubstr("adapter_config.json")));
  }
}

TEST(PythonRegexTest, AnEscapedBackslashHidesNothing) {
  EXPECT_OK(CompilePythonRegex("", R"(\\p)", "", RegexPlace::kWhole));
  EXPECT_OK(CompilePythonRegex("", R"(\{,)", "", RegexPlace::kWhole));
}

}  // namespace
}  // namespace lora
