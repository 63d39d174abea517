// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_config.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/format/format_test_util.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr int32_t kMaxRank = 256;

absl::StatusOr<PeftConfig> Parse(absl::string_view text,
                                 AdapterLoadOptions options = {}) {
  return ParsePeftConfig(text, TinyLlama(), options, kMaxRank);
}

// A config with the usual fields and `fields` beside them.
std::string With(absl::string_view fields) {
  return absl::StrCat(R"({"peft_type":"LORA","target_modules":["q_proj"],)",
                      fields, "}");
}

TEST(PeftConfigTest, TheMinimalConfigOfTheWildIsEnough) {
  ASSERT_OK_AND_ASSIGN(const PeftConfig config,
                       Parse(R"({"peft_type":"LORA","r":8,"lora_alpha":16,)"
                             R"("target_modules":["q_proj","v_proj"]})"));
  EXPECT_EQ(config.rank, 8);
  EXPECT_EQ(config.alpha, 16.0);
  EXPECT_FALSE(config.use_rslora);
  EXPECT_THAT(config.target_modules.list, ElementsAre("q_proj", "v_proj"));
  EXPECT_FALSE(config.default_targets);
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(PeftConfigTest, WhatIsMissingOrNullIsPeftsDefault) {
  ASSERT_OK_AND_ASSIGN(
      const PeftConfig config,
      Parse(R"({"peft_type":"LORA","target_modules":null,"use_dora":null,)"
            R"("rank_pattern":null,"init_lora_weights":null})"));
  EXPECT_EQ(config.rank, 8);
  EXPECT_EQ(config.alpha, 8.0);
  EXPECT_TRUE(config.default_targets);
}

TEST(PeftConfigTest, PatternsKeepTheirOrder) {
  ASSERT_OK_AND_ASSIGN(const PeftConfig config,
                       Parse(With(R"("rank_pattern":{"z":2,"a":1},)"
                                  R"("alpha_pattern":{"y":0.5,"b":-3})")));
  EXPECT_THAT(config.rank_pattern, ElementsAre(Pair("z", 2), Pair("a", 1)));
  EXPECT_THAT(config.alpha_pattern,
              ElementsAre(Pair("y", 0.5), Pair("b", -3.0)));
}

TEST(PeftConfigTest, OddButLegalValuesAreAccepted) {
  for (const char* fields : {R"("lora_alpha":0)",
                             R"("lora_alpha":-4.5)",
                             R"("r":256)",
                             R"("init_lora_weights":false)",
                             R"("init_lora_weights":"gaussian")",
                             R"("init_lora_weights":"eva")",
                             R"("init_lora_weights":"orthogonal")",
                             R"("init_lora_weights":"mica")",
                             R"("modules_to_save":[])",
                             R"("modules_to_save":["no_such_module"])",
                             R"("megatron_core":"x")",
                             R"("loftq_config":{})",
                             R"("eva_config":{"rho":2})",
                             R"("task_type":"CAUSAL_LM")",
                             R"("layers_to_transform":3)",
                             R"("layers_to_transform":[])",
                             R"("layers_to_transform":[],"layers_pattern":"h")",
                             R"("bias":"none")",
                             R"("velora_config":{})",
                             R"("trainable_token_indices":null)",
                             R"("use_bdlora":false)"}) {
    EXPECT_OK(Parse(With(fields))) << fields;
  }
}

TEST(PeftConfigTest, TargetsAreAListOrAnExpression) {
  ASSERT_OK_AND_ASSIGN(
      const PeftConfig config,
      Parse(R"({"peft_type":"LORA","target_modules":".*q_proj",)"
            R"("exclude_modules":["lm_head"]})"));
  EXPECT_EQ(config.target_modules.regex, ".*q_proj");
  EXPECT_THAT(config.exclude_modules.list, ElementsAre("lm_head"));
}

TEST(PeftConfigTest, OneLayerOrPatternCountsAsAList) {
  ASSERT_OK_AND_ASSIGN(
      const PeftConfig config,
      Parse(With(R"("layers_to_transform":0,"layers_pattern":"h")")));
  EXPECT_THAT(config.layers_to_transform, ElementsAre(0));
  EXPECT_THAT(config.layers_pattern, ElementsAre("h"));
}

TEST(PeftConfigTest, WhatIsIgnoredIsWarnedOf) {
  ASSERT_OK_AND_ASSIGN(
      const PeftConfig config,
      Parse(With(R"("lora_dropout":0.1,"fan_in_fan_out":true,)"
                 R"("runtime_config":{},"brand_new":1,)"
                 R"("base_model_name_or_path":"org/other-7b")")));
  EXPECT_THAT(
      config.warnings,
      ElementsAre(HasSubstr("other-7b"), HasSubstr("brand_new"),
                  HasSubstr("lora_dropout"), HasSubstr("fan_in_fan_out"),
                  HasSubstr("runtime_config")));
}

TEST(PeftConfigTest, UnknownFieldsGiveOneShortWarning) {
  std::string fields = R"("first":0)";
  for (int i = 0; i < 14; ++i) absl::StrAppend(&fields, ",\"x", i, "\":", i);
  absl::StrAppend(&fields, ",\"", std::string(10'000, 'y'), "\":0");
  ASSERT_OK_AND_ASSIGN(const PeftConfig config, Parse(With(fields)));
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_THAT(config.warnings[0], HasSubstr("first, x0, x1"));
  EXPECT_THAT(config.warnings[0], HasSubstr("and 6 more"));
  ASSERT_OK_AND_ASSIGN(
      const PeftConfig one,
      Parse(With(absl::StrCat("\"", std::string(10'000, 'y'), "\":0"))));
  ASSERT_EQ(one.warnings.size(), 1u);
  EXPECT_LT(one.warnings[0].size(), 1000u);
}

TEST(PeftConfigTest, AnAlphaOfTheCallerIsRefused) {
  for (const char* fields : {R"("r":4)", R"("lora_alpha":16)"}) {
    const auto config = Parse(With(fields), {.alpha = 32.0});
    EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kConfigConflict));
    EXPECT_THAT(config, MessageIs(HasSubstr("options.alpha")));
    EXPECT_THAT(config, MessageIs(HasSubstr("32")));
  }
}

TEST(PeftConfigTest, OnlyTheLastPartOfTheBasesNameCounts) {
  for (const char* name :
       {"tiny-llama", "org/tiny-llama", "/home/me/models/tiny-llama/"}) {
    ASSERT_OK_AND_ASSIGN(
        const PeftConfig config,
        Parse(With(absl::StrCat("\"base_model_name_or_path\":\"", name, "\"")),
              {.strict_base = true}));
    EXPECT_THAT(config.warnings, IsEmpty());
  }
}

TEST(PeftConfigTest, StrictBaseRefusesAnotherBase) {
  const auto config = Parse(With(R"("base_model_name_or_path":"gemma")"),
                            {.strict_base = true});
  EXPECT_THAT(config, StatusIs(absl::StatusCode::kFailedPrecondition,
                               ErrorReason::kBaseMismatch));
  EXPECT_THAT(config, MessageIs(HasSubstr("gemma")));
}

struct Refused {
  std::string text;
  absl::StatusCode code;
  ErrorReason reason;
  std::string message;  // A part of it.
};

TEST(PeftConfigTest, BadConfigsAreRefusedForTheirReason) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  const std::vector<Refused> cases = {
      {"", kInvalid, ErrorReason::kConfigSyntax, "JSON"},
      {"[]", kInvalid, ErrorReason::kConfigSyntax, "array"},
      {"{", kInvalid, ErrorReason::kConfigSyntax, ""},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", kInvalid,
       ErrorReason::kLfsPointer, "git lfs pull"},
      {"\xEF\xBB\xBF{}", kInvalid, ErrorReason::kConfigSyntax, "byte-order"},
      {With(absl::StrCat(R"("auto_mapping":)", std::string(99, '['),
                         std::string(99, ']'))),
       kInvalid, ErrorReason::kConfigSyntax, "nested"},
      {With(R"("r":8,"r":9)"), kInvalid, ErrorReason::kConfigSyntax, "\"r\""},
      {"{}", kInvalid, ErrorReason::kConfigField, "peft_type"},
      {R"({"peft_type":7})", kInvalid, ErrorReason::kConfigField, "peft_type"},
      {R"({"peft_type":"LOHA"})", kUnimplemented, ErrorReason::kPeftType,
       "LOHA"},
      {R"({"peft_type":"PREFIX_TUNING"})", kUnimplemented,
       ErrorReason::kPeftType, "PREFIX_TUNING"},
      {R"({"peft_type":"lora"})", kUnimplemented, ErrorReason::kPeftType,
       "\"LORA\""},
      {With(R"("r":0)"), kInvalid, ErrorReason::kRank, "r is 0"},
      {With(R"("r":-1)"), kInvalid, ErrorReason::kRank, "-1"},
      {With(R"("r":8.0)"), kInvalid, ErrorReason::kRank, "8.0"},
      {With(R"("r":"8")"), kInvalid, ErrorReason::kRank, "\"8\""},
      {With(R"("r":true)"), kInvalid, ErrorReason::kRank, "true"},
      {With(R"("r":null)"), kInvalid, ErrorReason::kRank, "null"},
      {With(R"("r":257)"), absl::StatusCode::kResourceExhausted,
       ErrorReason::kRank, "256"},
      {With(R"("r":9223372036854775808)"), absl::StatusCode::kResourceExhausted,
       ErrorReason::kRank, "9223372036854775808"},
      {With(R"("r":-9223372036854775808)"), kInvalid, ErrorReason::kRank,
       "-9223372036854775808"},
      {With(R"("rank_pattern":{"q":0})"), kInvalid, ErrorReason::kRank,
       "rank_pattern[\"q\"]"},
      {With(R"("rank_pattern":{"q":9999})"),
       absl::StatusCode::kResourceExhausted, ErrorReason::kRank, "9999"},
      {With(R"("lora_alpha":"16")"), kInvalid, ErrorReason::kAlpha, "16"},
      {With(R"("lora_alpha":NaN)"), kInvalid, ErrorReason::kAlpha, "finite"},
      {With(R"("lora_alpha": -Infinity)"), kInvalid, ErrorReason::kAlpha, ""},
      {With(R"("lora_alpha":1e999)"), kInvalid, ErrorReason::kAlpha, ""},
      {With(R"("alpha_pattern":{"q":null})"), kInvalid, ErrorReason::kAlpha,
       "alpha_pattern[\"q\"]"},
      {R"({"peft_type":"LORA","target_modules":5})", kInvalid,
       ErrorReason::kConfigField, "target_modules"},
      {With(R"("rank_pattern":[])"), kInvalid, ErrorReason::kConfigField,
       "an object"},
      {With(R"("modules_to_save":"lm_head")"), kInvalid,
       ErrorReason::kConfigField, "a list of strings"},
      {With(R"("layers_to_transform":[1,"2"])"), kInvalid,
       ErrorReason::kConfigField, "layers_to_transform"},
      {With(R"("use_rslora":"yes")"), kInvalid, ErrorReason::kConfigField,
       "use_rslora"},
      {With(R"("lora_dropout":1.5)"), kInvalid, ErrorReason::kConfigField,
       "1.5"},
      {With(R"("task_type":"CHAT")"), kInvalid, ErrorReason::kConfigField,
       "CHAT"},
      {R"({"peft_type":"LORA","target_modules":".*","layers_to_transform":[]})",
       kInvalid, ErrorReason::kConfigConflict, "layers_to_transform"},
      {R"({"peft_type":"LORA","target_modules":".*","layers_pattern":"h"})",
       kInvalid, ErrorReason::kConfigConflict, "layers_pattern"},
      {With(R"("layers_pattern":["h"])"), kInvalid,
       ErrorReason::kConfigConflict, "layers_pattern"},
      {With(R"("use_dora":true,"lora_bias":true)"), kInvalid,
       ErrorReason::kConfigConflict, "use_dora"},
      {With(R"("use_dora":true,"megatron_config":{})"), kInvalid,
       ErrorReason::kConfigConflict, "megatron_config"},
      {With(R"("lora_bias":true,"init_lora_weights":"eva")"), kInvalid,
       ErrorReason::kConfigConflict, "eva"},
  };
  for (const Refused& c : cases) {
    const auto config = Parse(c.text);
    EXPECT_THAT(config, StatusIs(c.code, c.reason)) << c.text;
    EXPECT_THAT(config, MessageIs(HasSubstr("adapter_config.json")));
    EXPECT_THAT(config, MessageIs(HasSubstr(c.message)));
  }
}

TEST(PeftConfigTest, AConfigOverOneMebibyteIsRefused) {
  EXPECT_THAT(
      Parse(With(
          absl::StrCat("\"revision\":\"", std::string(1 << 20, 'x'), "\""))),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kConfigSyntax));
}

}  // namespace
}  // namespace lora
