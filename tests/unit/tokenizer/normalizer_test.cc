// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/normalizer.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<const Normalizer>> Parse(
    absl::string_view spec) {
  LORA_ASSIGN_OR_RETURN(const Json json, ParseJson(spec));
  return Normalizer::Parse(json);
}

absl::StatusOr<std::string> Normalize(absl::string_view spec,
                                      std::string text) {
  LORA_ASSIGN_OR_RETURN(const auto normalizer, Parse(spec));
  return normalizer->Normalize(std::move(text));
}

TEST(NormalizerTest, NullLeavesTextsAsTheyAre) {
  EXPECT_THAT(Normalize("null", " Aé "), IsOkAndHolds(" Aé "));
}

TEST(NormalizerTest, UnicodeFormsAreApplied) {
  EXPECT_THAT(Normalize(R"({"type": "NFC"})", "e\u0301"),
              IsOkAndHolds("\u00E9"));
  EXPECT_THAT(Normalize(R"({"type": "NFD"})", "\u00E9"),
              IsOkAndHolds("e\u0301"));
  EXPECT_THAT(Normalize(R"({"type": "NFKC"})", "\uFB01"), IsOkAndHolds("fi"));
  EXPECT_THAT(Normalize(R"({"type": "NFKD"})", "\u00BD"),
              IsOkAndHolds("1\u20442"));
  EXPECT_THAT(Normalize(R"({"type": "Lowercase"})", "ÄB"), IsOkAndHolds("äb"));
}

TEST(NormalizerTest, StripTakesTheAskedSides) {
  const auto strip = [](const char* left, const char* right) {
    return Normalize(std::string(R"({"type": "Strip", "strip_left": )") + left +
                         R"(, "strip_right": )" + right + "}",
                     "\u3000 a \n");
  };
  EXPECT_THAT(strip("true", "true"), IsOkAndHolds("a"));
  EXPECT_THAT(strip("true", "false"), IsOkAndHolds("a \n"));
  EXPECT_THAT(strip("false", "true"), IsOkAndHolds("\u3000 a"));
  EXPECT_THAT(strip("false", "false"), IsOkAndHolds("\u3000 a \n"));
}

TEST(NormalizerTest, PrependSparesTheEmptyText) {
  const char* spec = R"({"type": "Prepend", "prepend": "▁"})";
  EXPECT_THAT(Normalize(spec, "a"), IsOkAndHolds("▁a"));
  EXPECT_THAT(Normalize(spec, "▁a"), IsOkAndHolds("▁▁a"));
  EXPECT_THAT(Normalize(spec, ""), IsOkAndHolds(""));
}

TEST(NormalizerTest, SequencesRunInOrder) {
  EXPECT_THAT(Normalize(
                  R"({"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": " "},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            {"type": "Replace", "pattern": {"Regex": "▁+"}, "content": "_"}
          ]})",
                  "a  b"),
              IsOkAndHolds("_a_b"));
  EXPECT_THAT(Normalize(R"({"type": "Sequence", "normalizers": []})", "a"),
              IsOkAndHolds("a"));
}

TEST(NormalizerTest, OtherTypesAreRefusedByName) {
  for (const char* type : {"Nmt", "Precompiled", "BertNormalizer",
                           "StripAccents", "ByteLevel", "Surprise"}) {
    const absl::Status status =
        Parse(std::string(R"({"type": ")") + type + "\"}").status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 ErrorReason::kBaseFeature));
    EXPECT_THAT(status, MessageIs(HasSubstr(type)));
  }
}

TEST(NormalizerTest, MalformedSpecsAreRefused) {
  for (const char* spec :
       {"7", "[]", "{}", R"({"type": 1})", R"({"type": "Strip"})",
        R"({"type": "Prepend"})", R"({"type": "Replace"})",
        R"({"type": "Replace", "pattern": {"String": "a"}})",
        R"({"type": "Sequence"})",
        R"({"type": "Sequence", "normalizers": [{}]})"}) {
    EXPECT_THAT(Parse(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                      ErrorReason::kBase))
        << spec;
  }
}

}  // namespace
}  // namespace lora
