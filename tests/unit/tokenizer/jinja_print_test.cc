// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_print.h"

#include <limits>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora::jinja {
namespace {

TEST(JinjaPrintTest, FloatsHaveTheFewestDigitsAndPythonsForm) {
  const std::pair<double, const char*> cases[] = {
      {0, "0.0"},
      {-0.0, "-0.0"},
      {1, "1.0"},
      {0.1, "0.1"},
      {-2.5, "-2.5"},
      {123456789.125, "123456789.125"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {1.5e300, "1.5e+300"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {1.0 / 3, "0.3333333333333333"},
      {std::numeric_limits<double>::infinity(), "inf"},
      {-std::numeric_limits<double>::infinity(), "-inf"},
      {std::numeric_limits<double>::quiet_NaN(), "nan"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(FloatText(value), text);
}

TEST(JinjaPrintTest, StringsPrintBareButAreQuotedInside) {
  Budget budget;
  const Value text = Value::String("it's");
  EXPECT_THAT(ToText(text, budget), IsOkAndHolds("it's"));
  EXPECT_THAT(ToText(Value::List({text}), budget), IsOkAndHolds("[\"it's\"]"));
  EXPECT_THAT(ToText(Value::Tuple({text}), budget),
              IsOkAndHolds("(\"it's\",)"));
  EXPECT_THAT(ToText(Value(), budget), IsOkAndHolds(""));
}

TEST(JinjaPrintTest, WhatHasNoTextIsRefused) {
  Budget budget;
  Namespace space;
  EXPECT_THAT(
      ToText(Value::Reference(&space), budget),
      StatusIs(absl::StatusCode::kUnimplemented, ErrorReason::kChatTemplate));
  EXPECT_THAT(ToJson(Value::Reference(&space), {}, budget),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ToJson(Value(), {}, budget),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(JinjaPrintTest, JsonEscapesOnlyWhatItMust) {
  Budget budget;
  const Value text = Value::String("\"\\\n\r\t\b\f\x01\x7F é😀</>");
  EXPECT_THAT(ToJson(text, {}, budget),
              IsOkAndHolds("\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\x7F é😀</>\""));
  EXPECT_THAT(ToJson(Value::String("é😀"), {.ensure_ascii = true}, budget),
              IsOkAndHolds(R"("\u00e9\ud83d\ude00")"));
}

TEST(JinjaPrintTest, JsonIsIndentedAndSortedOnDemand) {
  Budget budget;
  Dict dict;
  dict.Set("b", Value::List({Value::Int(1), Value::None()}));
  dict.Set("a", Value::Mapping({}));
  const Value value = Value::Mapping(dict);
  EXPECT_THAT(ToJson(value, {}, budget),
              IsOkAndHolds(R"({"b": [1, null], "a": {}})"));
  EXPECT_THAT(
      ToJson(value, {.indent = " ", .item_separator = ",", .sort_keys = true},
             budget),
      IsOkAndHolds("{\n \"a\": {},\n \"b\": [\n  1,\n  null\n ]\n}"));
}

TEST(JinjaPrintTest, FloatsThatJsonLacksAreWrittenAsPythonDoes) {
  Budget budget;
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(ToJson(Value::Float(infinity), {}, budget),
              IsOkAndHolds("Infinity"));
  EXPECT_THAT(ToJson(Value::Float(-infinity), {}, budget),
              IsOkAndHolds("-Infinity"));
}

// A value that is small in memory and endless in text.
Value Tower(int levels) {
  Value value = Value::String("x");
  for (int i = 0; i < levels; ++i) value = Value::List({value, value});
  return value;
}

TEST(JinjaPrintTest, SharedPartsThatMultiplyUseUpTheBudget) {
  for (const bool as_json : {false, true}) {
    Budget budget;
    const absl::StatusOr<std::string> text =
        as_json ? ToJson(Tower(60), {}, budget) : ToText(Tower(60), budget);
    EXPECT_THAT(text, StatusIs(absl::StatusCode::kResourceExhausted,
                               ErrorReason::kChatTemplate));
  }
}

}  // namespace
}  // namespace lora::jinja
