// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_value.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora::jinja {
namespace {

using ::testing::HasSubstr;

TEST(JinjaValueTest, TruthIsThatOfPython) {
  for (const Value& value :
       {Value(), Value::None(), Value::Bool(false), Value::Int(0),
        Value::Float(0), Value::String(""), Value::List({}), Value::Tuple({}),
        Value::Mapping({})}) {
    EXPECT_FALSE(value.IsTrue()) << value.KindName();
  }
  Dict dict;
  dict.Set("a", Value::None());
  for (const Value& value :
       {Value::Bool(true), Value::Int(-1), Value::Float(0.5),
        Value::String("0"), Value::List({Value::None()}),
        Value::Mapping(dict)}) {
    EXPECT_TRUE(value.IsTrue()) << value.KindName();
  }
}

TEST(JinjaValueTest, JsonKeepsItsOrderAndItsKinds) {
  const absl::StatusOr<Json> json = ParseJson(
      R"({"z": 1, "a": [true, null, 1.5, "s"], "big": 18446744073709551615})");
  ASSERT_THAT(json, IsOk());
  const Value value = Value::FromJson(*json);
  ASSERT_TRUE(value.is_dict());
  EXPECT_EQ(value.as_dict().entries()[0].first, "z");
  const std::vector<Value>& items = value.as_dict().Find("a")->items();
  EXPECT_TRUE(items[0].as_bool());
  EXPECT_TRUE(items[1].is_none());
  EXPECT_EQ(items[2].as_float(), 1.5);
  EXPECT_EQ(items[3].as_string(), "s");
  EXPECT_TRUE(value.as_dict().Find("big")->is_float());
}

TEST(JinjaValueTest, DictsReplaceInPlace) {
  Dict dict;
  dict.Set("a", Value::Int(1));
  dict.Set("b", Value::Int(2));
  dict.Set("a", Value::Int(3));
  ASSERT_EQ(dict.entries().size(), 2u);
  EXPECT_EQ(dict.entries()[0].second.as_int(), 3);
  EXPECT_EQ(dict.Find("c"), nullptr);
}

TEST(JinjaValueTest, DepthGrowsWithEveryLevel) {
  Value value = Value::Int(1);
  EXPECT_EQ(value.depth(), 0);
  for (int depth = 1; depth < 10; ++depth) {
    Dict dict;
    dict.Set("k", value);
    value = depth % 2 == 0 ? Value::Mapping(dict) : Value::List({value});
    EXPECT_EQ(value.depth(), depth);
  }
}

TEST(JinjaValueTest, UndefinedKnowsWhy) {
  EXPECT_THAT(
      Value::Undefined("x is gone").UndefinedError(),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kChatTemplate));
  EXPECT_THAT(Value::Undefined("x is gone").UndefinedError(),
              MessageIs(HasSubstr("x is gone")));
}

TEST(JinjaValueTest, BoolsCountInArithmetic) {
  EXPECT_EQ(Value::Bool(true).as_int(), 1);
  EXPECT_EQ(Value::Bool(true).as_float(), 1.0);
  EXPECT_FALSE(Value::Bool(true).is_int());
  EXPECT_TRUE(Value::Bool(true).is_integral());
}

}  // namespace
}  // namespace lora::jinja
