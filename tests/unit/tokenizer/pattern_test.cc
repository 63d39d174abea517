// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/pattern.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PatternTest, LiteralsMatchWithoutOverlap) {
  const Pattern pattern = Pattern::Literal("aa");
  EXPECT_THAT(
      pattern.Cut("aaab"),
      IsOkAndHolds(ElementsAre(MatchSpan{0, 2, true}, MatchSpan{2, 4, false})));
  EXPECT_THAT(pattern.Cut("aa"),
              IsOkAndHolds(ElementsAre(MatchSpan{0, 2, true})));
  EXPECT_THAT(pattern.Cut(""), IsOkAndHolds(IsEmpty()));
}

TEST(PatternTest, AnEmptyLiteralMatchesNowhere) {
  EXPECT_THAT(Pattern::Literal("").Cut("ab"),
              IsOkAndHolds(ElementsAre(MatchSpan{0, 2, false})));
}

TEST(PatternTest, LiteralsAreNoExpressions) {
  const absl::StatusOr<Pattern> pattern = Pattern::Parse(Json{{"String", "."}});
  ASSERT_THAT(pattern, IsOk());
  EXPECT_THAT(pattern->Replace("a.b", "-"), IsOkAndHolds("a-b"));
}

TEST(PatternTest, ExpressionsReplaceEveryMatch) {
  const absl::StatusOr<Pattern> pattern =
      Pattern::Parse(Json{{"Regex", "[0-9]+"}});
  ASSERT_THAT(pattern, IsOk());
  EXPECT_THAT(pattern->Replace("a1b22", "<n>"), IsOkAndHolds("a<n>b<n>"));
  EXPECT_THAT(pattern->Replace("", "x"), IsOkAndHolds(""));
}

TEST(PatternTest, OtherShapesAreRefused) {
  for (const char* spec :
       {"null", "\"a\"", "{}", R"({"String": 1})", R"({"Glob": "*"})",
        R"({"String": "a", "Regex": "b"})", "[]"}) {
    const absl::StatusOr<Json> json = ParseJson(spec);
    ASSERT_THAT(json, IsOk());
    EXPECT_THAT(
        Pattern::Parse(*json),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kBase))
        << spec;
  }
  EXPECT_THAT(Pattern::Parse(Json(7)), MessageIs(HasSubstr("number")));
}

}  // namespace
}  // namespace lora
