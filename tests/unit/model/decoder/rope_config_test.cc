// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/rope_config.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/model/decoder/field_reader.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMaxPositions = 4096;

absl::StatusOr<RopeConfig> Read(const std::string& text,
                                std::vector<std::string>* warnings = nullptr) {
  const Json object = ParseJson(text).value();
  FieldReader fields(object, "config.json");
  std::vector<std::string> ignored;
  const RopeConfig rope = ReadRopeConfig(
      fields, kMaxPositions, warnings == nullptr ? ignored : *warnings);
  LORA_RETURN_IF_ERROR(fields.status());
  return rope;
}

TEST(RopeConfigTest, WithoutFieldsThetaIsTheClassDefault) {
  ASSERT_OK_AND_ASSIGN(const RopeConfig rope, Read("{}"));
  EXPECT_EQ(rope.type, RopeType::kDefault);
  EXPECT_EQ(rope.theta, 10000.0);
}

TEST(RopeConfigTest, BothSpellingsGiveTheSameModel) {
  ASSERT_OK_AND_ASSIGN(
      const RopeConfig old,
      Read(R"({"rope_theta": 500, "rope_scaling": {"type": "linear",
               "factor": 4}})"));
  ASSERT_OK_AND_ASSIGN(
      const RopeConfig current,
      Read(R"({"rope_parameters": {"rope_type": "linear", "rope_theta": 500,
               "factor": 4.0}})"));
  for (const RopeConfig& rope : {old, current}) {
    EXPECT_EQ(rope.type, RopeType::kLinear);
    EXPECT_EQ(rope.theta, 500.0);
    EXPECT_EQ(rope.factor, 4.0);
  }
}

TEST(RopeConfigTest, ThetaInsideWinsOverThetaOutside) {
  ASSERT_OK_AND_ASSIGN(
      const RopeConfig rope,
      Read(R"({"rope_theta": 7, "rope_parameters": {"rope_theta": 9}})"));
  EXPECT_EQ(rope.theta, 9.0);
}

TEST(RopeConfigTest, ScalingWinsOverParameters) {
  ASSERT_OK_AND_ASSIGN(const RopeConfig rope,
                       Read(R"({"rope_parameters": {"rope_type": "default"},
               "rope_scaling": {"rope_type": "linear", "factor": 2}})"));
  EXPECT_EQ(rope.type, RopeType::kLinear);
}

TEST(RopeConfigTest, NullScalingIsNone) {
  ASSERT_OK_AND_ASSIGN(const RopeConfig rope,
                       Read(R"({"rope_theta": 5, "rope_scaling": null})"));
  EXPECT_EQ(rope.type, RopeType::kDefault);
  EXPECT_EQ(rope.theta, 5.0);
}

TEST(RopeConfigTest, DynamicScalesFromTheModelsPositions) {
  ASSERT_OK_AND_ASSIGN(
      const RopeConfig rope,
      Read(R"({"rope_scaling": {"type": "dynamic", "factor": 2}})"));
  EXPECT_EQ(rope.type, RopeType::kDynamic);
  EXPECT_EQ(rope.original_max_positions, kMaxPositions);
}

TEST(RopeConfigTest, Llama3ReadsItsBands) {
  ASSERT_OK_AND_ASSIGN(
      const RopeConfig rope,
      Read(R"({"rope_scaling": {"rope_type": "llama3", "factor": 8,
               "low_freq_factor": 1, "high_freq_factor": 4,
               "original_max_position_embeddings": 1024}})"));
  EXPECT_EQ(rope.type, RopeType::kLlama3);
  EXPECT_EQ(rope.factor, 8.0);
  EXPECT_EQ(rope.low_freq_factor, 1.0);
  EXPECT_EQ(rope.high_freq_factor, 4.0);
  EXPECT_EQ(rope.original_max_positions, 1024);
}

TEST(RopeConfigTest, OriginalPositionsOutsideWinOverThoseInside) {
  ASSERT_OK_AND_ASSIGN(const RopeConfig rope,
                       Read(R"({"original_max_position_embeddings": 512,
               "rope_scaling": {"rope_type": "yarn", "factor": 2,
               "original_max_position_embeddings": 1024}})"));
  EXPECT_EQ(rope.original_max_positions, 512);
}

TEST(RopeConfigTest, YarnInfersWhatIsMissing) {
  ASSERT_OK_AND_ASSIGN(const RopeConfig rope,
                       Read(R"({"rope_parameters": {"rope_type": "yarn",
               "original_max_position_embeddings": 1024}})"));
  EXPECT_EQ(rope.factor, 4.0);
  EXPECT_EQ(rope.beta_fast, 32.0);
  EXPECT_EQ(rope.beta_slow, 1.0);
  EXPECT_TRUE(rope.truncate);
  EXPECT_NEAR(rope.attention_factor, 1.138629436, 1e-9);
}

TEST(RopeConfigTest, YarnAttentionFactorMayBeGivenOrFollowFromTwoScales) {
  ASSERT_OK_AND_ASSIGN(
      const RopeConfig given,
      Read(R"({"rope_parameters": {"rope_type": "yarn", "factor": 4,
               "attention_factor": 0.75}})"));
  EXPECT_EQ(given.attention_factor, 0.75);
  ASSERT_OK_AND_ASSIGN(
      const RopeConfig scales,
      Read(R"({"rope_parameters": {"rope_type": "yarn", "factor": 4,
               "mscale": 2, "mscale_all_dim": 1}})"));
  EXPECT_NEAR(scales.attention_factor, 1.277258872 / 1.138629436, 1e-9);
  ASSERT_OK_AND_ASSIGN(
      const RopeConfig shrinks,
      Read(R"({"rope_parameters": {"rope_type": "yarn", "factor": 0.5}})"));
  EXPECT_EQ(shrinks.attention_factor, 1.0);
}

TEST(RopeConfigTest, FieldsThatNobodyReadAreWarnedOf) {
  std::vector<std::string> warnings;
  ASSERT_OK(Read(R"({"rope_parameters": {"rope_type": "default",
                     "finetuned": true}})",
                 &warnings));
  EXPECT_THAT(warnings, ElementsAre(AllOf(HasSubstr("rope_parameters"),
                                          HasSubstr("\"finetuned\""))));
  warnings.clear();
  ASSERT_OK(Read(R"({"rope_parameters": {"rope_type": "default",
                     "rope_theta": 3}})",
                 &warnings));
  EXPECT_THAT(warnings, IsEmpty());
}

struct Refused {
  const char* name;
  const char* text;
  absl::StatusCode code;
  const char* message;
};

class RopeConfigRefusedTest : public testing::TestWithParam<Refused> {};

TEST_P(RopeConfigRefusedTest, IsRefusedByName) {
  const Refused& refused = GetParam();
  EXPECT_THAT(Read(refused.text), AllOf(StatusIs(refused.code),
                                        MessageIs(HasSubstr(refused.message))));
}

constexpr auto kBroken = absl::StatusCode::kFailedPrecondition;
constexpr auto kLacking = absl::StatusCode::kUnimplemented;

INSTANTIATE_TEST_SUITE_P(
    Fields, RopeConfigRefusedTest,
    testing::Values(
        Refused{"Longrope", R"({"rope_scaling": {"type": "longrope"}})",
                kLacking, "\"longrope\""},
        Refused{"Su", R"({"rope_scaling": {"type": "su"}})", kLacking,
                "\"su\""},
        Refused{"Proportional",
                R"({"rope_parameters": {"rope_type": "proportional"}})",
                kLacking, "\"proportional\""},
        Refused{"PartialRotation",
                R"({"rope_parameters": {"partial_rotary_factor": 0.5}})",
                kLacking, "partial_rotary_factor"},
        Refused{"Multimodal",
                R"({"rope_scaling": {"type": "default",
                    "mrope_section": [1, 2]}})",
                kLacking, "mrope_section"},
        Refused{"ByLayerType", R"({"rope_parameters": {"full_attention": {}}})",
                kLacking, "layer type"},
        Refused{"NotAnObject", R"({"rope_scaling": 4})", kBroken,
                "rope_scaling"},
        Refused{"NoFactor", R"({"rope_scaling": {"type": "dynamic"}})", kBroken,
                "\"factor\" is missing"},
        Refused{"ZeroFactor",
                R"({"rope_scaling": {"type": "linear", "factor": 0}})", kBroken,
                "\"factor\" is 0"},
        Refused{"NoBands",
                R"({"rope_scaling": {"type": "llama3", "factor": 8}})", kBroken,
                "\"low_freq_factor\" is missing"},
        Refused{"EqualBands",
                R"({"rope_scaling": {"type": "llama3", "factor": 8,
                    "low_freq_factor": 2, "high_freq_factor": 2}})",
                kBroken, "high_freq_factor"},
        Refused{"YarnWithoutWaves",
                R"({"rope_theta": 1, "rope_scaling": {"type": "yarn",
                    "factor": 2}})",
                kBroken, "rope_theta"},
        Refused{"NegativeTheta", R"({"rope_theta": -1})", kBroken,
                "rope_theta"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lora
