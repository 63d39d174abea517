// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/field_reader.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FieldReaderTest : public testing::Test {
 protected:
  FieldReader Reader(absl::string_view text) {
    object_ = ParseJson(text).value();
    return FieldReader(object_, "config.json");
  }

  Json object_;
};

TEST_F(FieldReaderTest, ValuesWithinTheirRangeAreRead) {
  FieldReader fields =
      Reader(R"({"i": 7, "n": 0.5, "b": true, "s": "silu", "w": 3})");
  EXPECT_EQ(fields.Int("i", 0, {1, 7}), 7);
  EXPECT_EQ(fields.Number("n", 0.0, {0.0, 1.0}), 0.5);
  EXPECT_EQ(fields.Number("w", 0.0, {0.0, 9.0}), 3.0);
  EXPECT_TRUE(fields.Bool("b", false));
  EXPECT_EQ(fields.String("s", ""), "silu");
  EXPECT_OK(fields.status());
}

TEST_F(FieldReaderTest, MissingAndNullReadAsTheDefault) {
  FieldReader fields = Reader(R"({"i": null})");
  EXPECT_EQ(fields.Int("i", 3, {1, 7}), 3);
  EXPECT_EQ(fields.Number("n", 0.25, {0.0, 1.0}), 0.25);
  EXPECT_TRUE(fields.Bool("b", true));
  EXPECT_EQ(fields.String("s", "gelu"), "gelu");
  EXPECT_EQ(fields.Raw("i"), nullptr);
  EXPECT_OK(fields.status());
}

TEST_F(FieldReaderTest, NullIsToldFromMissing) {
  FieldReader fields = Reader(R"({"i": null, "j": 1})");
  EXPECT_TRUE(fields.IsNull("i"));
  EXPECT_FALSE(fields.IsNull("j"));
  EXPECT_FALSE(fields.IsNull("k"));
  EXPECT_FALSE(fields.Has("i"));
  EXPECT_TRUE(fields.Has("j"));
}

class FieldReaderBadIntTest : public testing::TestWithParam<const char*> {};

TEST_P(FieldReaderBadIntTest, IsRefusedWithItsRange) {
  const Json object =
      ParseJson(std::string(R"({"i": )") + GetParam() + "}").value();
  FieldReader fields(object, "config.json");
  EXPECT_EQ(fields.Int("i", 3, {1, 7}), 3);
  EXPECT_THAT(
      fields.status(),
      AllOf(StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kBase),
            MessageIs(AllOf(HasSubstr("config.json: \"i\" is"),
                            HasSubstr("an integer from 1 to 7")))));
}

INSTANTIATE_TEST_SUITE_P(Values, FieldReaderBadIntTest,
                         testing::Values("0", "8", "-1", "2.0", "\"4\"", "true",
                                         "[]", "18446744073709551615"));

TEST_F(FieldReaderTest, OtherTypesAreRefused) {
  FieldReader number = Reader(R"({"n": "1"})");
  number.Number("n", 0.0, {0.0, 1.0});
  EXPECT_THAT(number.status(), MessageIs(HasSubstr("a number from 0 to 1")));
  FieldReader boolean = Reader(R"({"b": 1})");
  boolean.Bool("b", false);
  EXPECT_THAT(boolean.status(), MessageIs(HasSubstr("true or false")));
  FieldReader text = Reader(R"({"s": 1})");
  text.String("s", "");
  EXPECT_THAT(text.status(), MessageIs(HasSubstr("expected a string")));
}

TEST_F(FieldReaderTest, TheFirstErrorSticks) {
  FieldReader fields = Reader(R"({"i": 0, "b": 1})");
  fields.Int("i", 3, {1, 7});
  fields.Bool("b", false);
  fields.FailFeature("too new");
  EXPECT_THAT(fields.status(), MessageIs(HasSubstr("\"i\"")));
}

TEST_F(FieldReaderTest, FeaturesFailAsUnimplemented) {
  FieldReader fields = Reader("{}");
  fields.FailFeature("too new");
  EXPECT_THAT(fields.status(), AllOf(StatusIs(absl::StatusCode::kUnimplemented,
                                              ErrorReason::kBaseFeature),
                                     MessageIs("config.json: too new")));
}

TEST_F(FieldReaderTest, LongValuesAreCutInMessages) {
  FieldReader fields =
      Reader(R"({"i": ")" + std::string(10'000, 'x') + R"("})");
  fields.Int("i", 3, {1, 7});
  EXPECT_LT(fields.status().message().size(), 300u);
}

TEST_F(FieldReaderTest, UnreadKeysComeInFileOrder) {
  FieldReader fields = Reader(R"({"z": 1, "m": 2, "a": 3})");
  fields.Int("m", 0, {0, 9});
  fields.Int("missing", 0, {0, 9});
  EXPECT_THAT(fields.UnreadKeys(), ElementsAre("z", "a"));
}

}  // namespace
}  // namespace lora
