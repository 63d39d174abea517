// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_operators.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/jinja_test_util.h"

namespace lora::jinja {
namespace {

using ::testing::HasSubstr;

// That Python agrees is the golden tests' business; here are the edges.

TEST(JinjaOperatorsTest, WholeNumbersBeyond64BitsAreErrors) {
  for (const char* expression :
       {"9223372036854775807 + 1", "-9223372036854775807 - 2",
        "9223372036854775807 * 2", "2 ** 63", "3 ** 1000000000000",
        "(-9223372036854775807 - 1) // -1", "-(-9223372036854775807 - 1)"}) {
    EXPECT_THAT(Print(expression), StatusIs(absl::StatusCode::kInvalidArgument,
                                            ErrorReason::kChatTemplate))
        << expression;
    EXPECT_THAT(Print(expression), MessageIs(HasSubstr("64 bits")))
        << expression;
  }
  EXPECT_THAT(Print("9223372036854775808"),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(JinjaOperatorsTest, PowersOfSmallBasesNeedNoTime) {
  EXPECT_THAT(Print("1 ** 9223372036854775807"), IsOkAndHolds("1"));
  EXPECT_THAT(Print("0 ** 9223372036854775807"), IsOkAndHolds("0"));
  EXPECT_THAT(Print("0 ** 0"), IsOkAndHolds("1"));
  EXPECT_THAT(Print("(-1) ** 9223372036854775807"), IsOkAndHolds("-1"));
  EXPECT_THAT(Print("2 ** 62"), IsOkAndHolds("4611686018427387904"));
}

TEST(JinjaOperatorsTest, DivisionRoundsDown) {
  EXPECT_THAT(Print("-7 // 2 ~ ' ' ~ -7 % 2 ~ ' ' ~ 7 // -2 ~ ' ' ~ 7 % -2"),
              IsOkAndHolds("-4 1 -4 -1"));
  EXPECT_THAT(Print("-7.5 // 2 ~ ' ' ~ -7.5 % 2"), IsOkAndHolds("-4.0 0.5"));
  EXPECT_THAT(Print("(-9223372036854775807 - 1) % -1"), IsOkAndHolds("0"));
}

TEST(JinjaOperatorsTest, DivisionByZeroIsAnError) {
  for (const char* expression : {"1 / 0", "1 // 0", "1 % 0", "1.5 / 0",
                                 "1.5 // 0.0", "1.5 % 0", "0 ** -1"}) {
    EXPECT_THAT(Print(expression), MessageIs(HasSubstr("division by zero")))
        << expression;
  }
}

TEST(JinjaOperatorsTest, NanIsUnequalToEverything) {
  const char* nan = "{% set n = 'nan'|float %}";
  EXPECT_THAT(Render(absl::StrCat(nan, "{{ n == n }}{{ n <= n }}{{ n < n }}")),
              IsOkAndHolds("FalseFalseFalse"));
}

TEST(JinjaOperatorsTest, RepeatingIsBounded) {
  EXPECT_THAT(Print("'a' * 9223372036854775807"),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Print("[1] * 9223372036854775807"),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Print("'' * 9223372036854775807"), IsOkAndHolds(""));
  EXPECT_THAT(Print("[] * 9223372036854775807"), IsOkAndHolds("[]"));
}

TEST(JinjaOperatorsTest, WrongKindsAreNamed) {
  EXPECT_THAT(Print("1 + 'a'"), MessageIs(HasSubstr("int object")));
  EXPECT_THAT(Print("1 + 'a'"), MessageIs(HasSubstr("str object")));
  EXPECT_THAT(Print("zz + 1"), MessageIs(HasSubstr("\"zz\" is undefined")));
  EXPECT_THAT(Print("1 < none"), MessageIs(HasSubstr("\"<\"")));
  EXPECT_THAT(Print("-'a'"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Print("'%s' % 1"), StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(JinjaOperatorsTest, EqualityOfSharedPartsUsesTheBudget) {
  std::string source = "{% set a = ['x'] %}{% set b = ['x'] %}";
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&source, "{% set a = [a, a] %}{% set b = [b, b] %}");
  }
  EXPECT_THAT(Render(absl::StrCat(source, "{{ a == b }}")),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace lora::jinja
