// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/config_fields.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::Status Refuse(const std::string& text) {
  const Json object = ParseJson(text).value();
  FieldReader fields(object, "config.json");
  RefuseUnsupportedFields(fields);
  return fields.status();
}

TEST(ConfigFieldsTest, FieldsThatChangeTheResultAreRefused) {
  for (const char* text :
       {R"({"quantization_config": {"quant_method": "gptq"}})",
        R"({"num_experts": 64})", R"({"clip_qkv": 8})",
        R"({"partial_rotary_factor": 0.5})", R"({"logit_scale": 0.0625})",
        R"({"use_qk_norm": true})", R"({"no_rope_layers": [0, 1]})",
        R"({"per_layer_config": {"0": {"intermediate_size": 8}}})",
        R"({"compression_config": {"format": "pack-quantized"}})",
        R"({"use_mrope": true})"}) {
    EXPECT_THAT(Refuse(text), StatusIs(absl::StatusCode::kUnimplemented,
                                       ErrorReason::kBaseFeature))
        << text;
  }
}

TEST(ConfigFieldsTest, TheSameFieldsSwitchedOffAreFine) {
  EXPECT_OK(Refuse(R"({
      "quantization_config": null, "num_experts": 0, "clip_qkv": null,
      "partial_rotary_factor": 1.0, "logit_scale": 1, "use_qk_norm": false,
      "no_rope_layers": [], "is_encoder_decoder": false, "use_mrope": false,
      "per_layer_config": {}})"));
}

TEST(ConfigFieldsTest, UnknownFieldsAreWarnedOfUnlessReadHarmlessOrOff) {
  const Json object = ParseJson(R"({
      "mystery": 3, "read": 4, "use_cache": true, "off": false, "none": null,
      "zero": 0, "empty": {}, "text": "x"})")
                          .value();
  FieldReader fields(object, "config.json");
  fields.Int("read", 0, {0, 9});
  EXPECT_THAT(
      UnknownFieldWarnings(fields),
      ElementsAre(AllOf(HasSubstr("config.json"), HasSubstr("\"mystery\"")),
                  HasSubstr("\"text\"")));
}

TEST(ConfigFieldsTest, NothingUnknownIsNothingToWarnOf) {
  const Json object = ParseJson("{}").value();
  FieldReader fields(object, "config.json");
  EXPECT_THAT(UnknownFieldWarnings(fields), IsEmpty());
}

}  // namespace
}  // namespace lora
