// SPDX-License-Identifier: Apache-2.0
#include "server/base/json.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Nested(int depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(JsonTest, EveryKindOfValueIsRead) {
  ASSERT_OK_AND_ASSIGN(
      const Json json,
      ParseJson(R"({"s": "é", "i": -3, "u": 18446744073709551615,
                    "f": 1.5, "t": true, "n": null, "a": [1, {"k": []}]})"));
  EXPECT_EQ(json["s"], "é");
  EXPECT_EQ(json["i"], -3);
  EXPECT_EQ(json["u"].get<uint64_t>(), 18446744073709551615u);
  EXPECT_EQ(json["f"], 1.5);
  EXPECT_EQ(json["t"], true);
  EXPECT_TRUE(json["n"].is_null());
  EXPECT_EQ(json["a"][0], 1);
  EXPECT_TRUE(json["a"][1]["k"].empty());
}

TEST(JsonTest, KeysStayInFileOrder) {
  ASSERT_OK_AND_ASSIGN(const Json json,
                       ParseJson(R"({"z": 1, "a": 2, "m": 3})"));
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("z", "a", "m"));
}

TEST(JsonTest, AKeyTwiceInOneObjectIsRefused) {
  const absl::Status status = ParseJson(R"({"a": {"b": 1, "b": 2}})").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               ErrorReason::kConfigSyntax));
  EXPECT_THAT(status, MessageIs(HasSubstr("\"b\" occurs twice")));
  EXPECT_TRUE(IsDuplicateKeyError(status));
}

TEST(JsonTest, AKeyTwiceInDifferentObjectsIsFine) {
  EXPECT_OK(ParseJson(R"([{"a": 1}, {"a": {"a": 2}}])"));
}

TEST(JsonTest, WhatIsNotJsonIsRefusedWithItsPlace) {
  for (const char* text : {"", "{", "{\"a\": }", "[1,]", "{'a': 1}", "[NaN]",
                           "[Infinity]", "[1] [2]", "nul", "\"\xff\xfe\""}) {
    const absl::Status status = ParseJson(text).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kConfigSyntax))
        << text;
    EXPECT_THAT(status, MessageIs(HasSubstr("at byte"))) << text;
    EXPECT_FALSE(IsDuplicateKeyError(status)) << text;
  }
}

TEST(JsonTest, AByteOrderMarkIsRefused) {
  EXPECT_THAT(ParseJson("\xEF\xBB\xBF{}"),
              MessageIs(HasSubstr("byte-order mark")));
}

TEST(JsonTest, NestingIsLimited) {
  EXPECT_OK(ParseJson(Nested(64)));
  EXPECT_THAT(ParseJson(Nested(65)), MessageIs(HasSubstr("64 levels")));
  EXPECT_OK(ParseJson(Nested(3), {.max_depth = 3}));
  EXPECT_THAT(ParseJson(Nested(4), {.max_depth = 3}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(JsonTest, LengthIsLimited) {
  EXPECT_OK(ParseJson("[10]", {.max_bytes = 4}));
  EXPECT_THAT(ParseJson("[100]", {.max_bytes = 4}),
              MessageIs(HasSubstr("5 bytes long; at most 4")));
}

TEST(JsonTest, TheNumberOfValuesIsLimited) {
  EXPECT_OK(ParseJson("[1, {\"a\": []}]", {.max_values = 4}));
  for (const char* text : {"[1, {\"a\": []}, 2]", "[[], [], [], []]"}) {
    const absl::Status status = ParseJson(text, {.max_values = 4}).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kConfigSyntax));
    EXPECT_THAT(status, MessageIs(HasSubstr("more than 4 values")));
    EXPECT_TRUE(IsTooManyValuesError(status));
  }
  EXPECT_FALSE(IsTooManyValuesError(ParseJson("[").status()));
}

}  // namespace
}  // namespace lora
