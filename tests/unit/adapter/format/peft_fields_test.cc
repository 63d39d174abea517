// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_fields.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json Object(absl::string_view text) {
  auto json = ParseJson(text);
  EXPECT_OK(json);
  return *std::move(json);
}

TEST(PeftFieldsTest, UnknownFieldsAreListedInFileOrder) {
  EXPECT_THAT(CheckFieldTypes(Object(R"({"zeta":1,"r":8,"alpha":null})")),
              IsOkAndHolds(ElementsAre("zeta", "alpha")));
}

TEST(PeftFieldsTest, NullIsLegalForEveryField) {
  EXPECT_THAT(
      CheckFieldTypes(Object(
          R"({"use_dora":null,"target_modules":null,"rank_pattern":null})")),
      IsOkAndHolds(IsEmpty()));
}

TEST(PeftFieldsTest, AWrongTypeNamesTheFieldAndWhatIsExpected) {
  const auto status = CheckFieldTypes(Object(R"({"target_modules":5})"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               ErrorReason::kConfigField));
  EXPECT_THAT(status, MessageIs(HasSubstr("target_modules")));
  EXPECT_THAT(status, MessageIs(HasSubstr("a string or a list of strings")));
}

TEST(PeftFieldsTest, ListsAreCheckedItemByItem) {
  EXPECT_OK(CheckFieldTypes(Object(R"({"modules_to_save":[]})")));
  EXPECT_OK(CheckFieldTypes(Object(R"({"layers_to_transform":[0,1]})")));
  for (const char* text :
       {R"({"modules_to_save":["a",1]})", R"({"layers_to_transform":[1.5]})",
        R"({"layers_to_transform":[true]})"}) {
    EXPECT_THAT(
        CheckFieldTypes(Object(text)),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kConfigField))
        << text;
  }
}

TEST(PeftFieldsTest, ReadersGiveDefaultsForWhatIsAbsentOrNull) {
  const Json config =
      Object(R"({"b":true,"s":"x","one":"q","many":["p","q"],"none":null})");
  EXPECT_TRUE(BoolField(config, "b"));
  EXPECT_FALSE(BoolField(config, "none"));
  EXPECT_EQ(StringField(config, "s"), "x");
  EXPECT_EQ(StringField(config, "absent"), "");
  EXPECT_THAT(StringListField(config, "one"), ElementsAre("q"));
  EXPECT_THAT(StringListField(config, "many"), ElementsAre("p", "q"));
  EXPECT_THAT(StringListField(config, "none"), IsEmpty());
  EXPECT_EQ(FindField(config, "none"), nullptr);
}

TEST(PeftFieldsTest, AFieldIsSetUnlessItHoldsNothing) {
  const Json config =
      Object(R"({"t":true,"n":0,"s":"x","l":[1],"o":{"a":1},)"
             R"("f":false,"e":"","el":[],"eo":{},"null":null})");
  for (const char* name : {"t", "n", "s", "l", "o"}) {
    EXPECT_TRUE(IsSet(config, name)) << name;
  }
  for (const char* name : {"f", "e", "el", "eo", "null", "absent"}) {
    EXPECT_FALSE(IsSet(config, name)) << name;
  }
}

TEST(PeftFieldsTest, AnObjectThatHidesBehindANulIsRefused) {
  EXPECT_THAT(
      ParsePeftObject(absl::string_view("{\"peft_type\":\"LORA\"}\0{}", 23)),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kConfigSyntax));
}

TEST(PeftFieldsTest, ALongTextIsCutBetweenCharacters) {
  EXPECT_EQ(Shortened(std::string(256, 'x')), std::string(256, 'x'));
  EXPECT_EQ(Shortened(std::string(255, 'x') + "\u00e9"),
            std::string(255, 'x') + "...");
}

}  // namespace
}  // namespace lora
