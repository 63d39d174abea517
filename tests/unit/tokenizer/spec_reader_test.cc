// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/spec_reader.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

class SpecReaderTest : public testing::Test {
 protected:
  static constexpr absl::string_view kSpec = R"({
    "text": "a", "flag": true, "id": 7, "list": [1], "object": {"k": 1},
    "nothing": null, "negative": -1, "huge": 99999999999, "fraction": 1.5
  })";

  void SetUp() override {
    const absl::StatusOr<Json> json = ParseJson(kSpec);
    ASSERT_THAT(json, IsOk());
    json_ = *json;
  }

  SpecReader Reader() const { return *SpecReader::Open(json_, "thing"); }

  Json json_;
};

TEST_F(SpecReaderTest, MembersOfTheRightTypeAreRead) {
  EXPECT_THAT(Reader().String("text"), IsOkAndHolds("a"));
  EXPECT_THAT(Reader().Bool("flag"), IsOkAndHolds(true));
  EXPECT_THAT(Reader().Id("id"), IsOkAndHolds(7));
  EXPECT_THAT(Reader().Array("list"), IsOk());
  EXPECT_THAT(Reader().Object("object"), IsOk());
  EXPECT_THAT(Reader().OptionalString("text"), IsOkAndHolds(Optional(Eq("a"))));
}

TEST_F(SpecReaderTest, AbsentAndNullMembersTakeTheFallback) {
  for (const char* name : {"absent", "nothing"}) {
    EXPECT_EQ(Reader().Find(name), nullptr);
    EXPECT_THAT(Reader().BoolOr(name, true), IsOkAndHolds(true));
    EXPECT_THAT(Reader().OptionalString(name), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(Reader().String(name),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(SpecReaderTest, WrongTypesNameTheObjectTheMemberAndTheType) {
  EXPECT_THAT(Reader().String("id"),
              MessageIs(AllOf(HasSubstr("thing"), HasSubstr("\"id\""),
                              HasSubstr("number"), HasSubstr("a string"))));
  EXPECT_THAT(Reader().String("absent"), MessageIs(HasSubstr("missing")));
  for (const absl::Status& status :
       {Reader().Bool("text").status(), Reader().BoolOr("text", true).status(),
        Reader().Array("object").status(), Reader().Object("list").status(),
        Reader().OptionalString("flag").status()}) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kBase));
  }
}

TEST_F(SpecReaderTest, TokenIdsAreWholeAndInRange) {
  for (const char* name : {"negative", "huge", "fraction", "text", "flag"}) {
    EXPECT_THAT(Reader().Id(name), StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
  EXPECT_THAT(AsTokenId(Json((1 << 24) - 1)), Optional((1 << 24) - 1));
  EXPECT_EQ(AsTokenId(Json(1 << 24)), std::nullopt);
}

TEST_F(SpecReaderTest, OnlyObjectsAreOpened) {
  EXPECT_THAT(SpecReader::Open(Json::array(), "thing"),
              MessageIs(AllOf(HasSubstr("thing"), HasSubstr("array"))));
}

TEST_F(SpecReaderTest, UnsupportedComponentsAreNamed) {
  EXPECT_THAT(UnsupportedComponent("a normalizer", "Nmt"),
              AllOf(StatusIs(absl::StatusCode::kUnimplemented,
                             ErrorReason::kBaseFeature),
                    MessageIs(HasSubstr("\"Nmt\""))));
}

}  // namespace
}  // namespace lora
