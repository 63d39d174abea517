// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/post_processor.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<PostProcessor> Parse(absl::string_view spec) {
  LORA_ASSIGN_OR_RETURN(const Json json, ParseJson(spec));
  return PostProcessor::Parse(json);
}

absl::StatusOr<std::vector<int32_t>> Process(absl::string_view spec) {
  LORA_ASSIGN_OR_RETURN(const PostProcessor processor, Parse(spec));
  return processor.WithSpecialTokens({7, 8});
}

// A template of `single`, with <s> = [1] and <x> = [5, 6].
std::string Template(absl::string_view single) {
  return absl::StrCat(R"({"type": "TemplateProcessing", "single": [)", single,
                      R"(], "pair": [], "special_tokens": {
    "<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]},
    "<x>": {"id": "<x>", "ids": [5, 6], "tokens": ["<x>", "y"]}}})");
}

constexpr absl::string_view kText =
    R"({"Sequence": {"id": "A", "type_id": 0}})";
constexpr absl::string_view kBos =
    R"({"SpecialToken": {"id": "<s>", "type_id": 0}})";
constexpr absl::string_view kEnd =
    R"({"SpecialToken": {"id": "<x>", "type_id": 0}})";

TEST(PostProcessorTest, NullAndByteLevelAddNothing) {
  EXPECT_THAT(Process("null"), IsOkAndHolds(ElementsAre(7, 8)));
  EXPECT_THAT(Process(R"({"type": "ByteLevel", "trim_offsets": true})"),
              IsOkAndHolds(ElementsAre(7, 8)));
}

TEST(PostProcessorTest, TemplatesAddBeforeAndAfter) {
  EXPECT_THAT(Process(Template(kText)), IsOkAndHolds(ElementsAre(7, 8)));
  EXPECT_THAT(Process(Template(absl::StrCat(kBos, ",", kText))),
              IsOkAndHolds(ElementsAre(1, 7, 8)));
  EXPECT_THAT(
      Process(Template(absl::StrCat(kBos, ",", kBos, ",", kText, ",", kEnd))),
      IsOkAndHolds(ElementsAre(1, 1, 7, 8, 5, 6)));
}

TEST(PostProcessorTest, SequencesWrapOneAroundTheOther) {
  EXPECT_THAT(
      Process(absl::StrCat(
          R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},)",
          Template(absl::StrCat(kEnd, ",", kText)), ",",
          Template(absl::StrCat(kBos, ",", kText, ",", kBos)), "]}")),
      IsOkAndHolds(ElementsAre(1, 5, 6, 7, 8, 1)));
}

TEST(PostProcessorTest, OtherTypesAreRefusedByName) {
  for (const char* type : {"BertProcessing", "RobertaProcessing"}) {
    const absl::Status status =
        Parse(absl::StrCat(R"({"type": ")", type, "\"}")).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 ErrorReason::kBaseFeature));
    EXPECT_THAT(status, MessageIs(HasSubstr(type)));
  }
}

TEST(PostProcessorTest, MalformedTemplatesAreRefused) {
  const std::string undeclared =
      Template(absl::StrCat(R"({"SpecialToken": {"id": "<z>"}},)", kText));
  const std::string twice = Template(absl::StrCat(kText, ",", kText));
  for (const std::string& spec :
       {undeclared, twice, Template(""), Template(kBos), Template("7"),
        Template("{}"), std::string(R"({"type": "TemplateProcessing"})"),
        std::string(R"({"type": "TemplateProcessing", "special_tokens":
                        {"<s>": {"ids": ["1"]}}, "single":
                        [{"SpecialToken": {"id": "<s>"}}]})"),
        std::string("[]"), std::string("{}")}) {
    EXPECT_THAT(Parse(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                      ErrorReason::kBase))
        << spec;
  }
  EXPECT_THAT(Parse(undeclared), MessageIs(HasSubstr("<z>")));
}

}  // namespace
}  // namespace lora
