// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/sampling_defaults.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/model/decoder/decoder_config.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SamplingDefaultsTest : public ::testing::Test {
 protected:
  SamplingDefaults Read(const std::string& generation_config) {
    const Json object = Json::parse(generation_config);
    FieldReader fields(object, "generation_config.json");
    warnings_.clear();
    const SamplingDefaults defaults = ReadSamplingDefaults(fields, warnings_);
    EXPECT_OK(fields.status());
    return defaults;
  }

  std::vector<std::string> warnings_;
};

TEST_F(SamplingDefaultsTest, WhatTheFileSaysIsRead) {
  const SamplingDefaults defaults = Read(
      R"({"do_sample": true, "temperature": 0.5, "top_k": 20, "top_p": 0.25,
          "min_p": 0.125, "repetition_penalty": 1.5})");
  EXPECT_TRUE(defaults.do_sample);
  EXPECT_EQ(defaults.temperature, 0.5f);
  EXPECT_EQ(defaults.top_k, 20);
  EXPECT_EQ(defaults.top_p, 0.25f);
  EXPECT_EQ(defaults.min_p, 0.125f);
  EXPECT_EQ(defaults.repetition_penalty, 1.5f);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(SamplingDefaultsTest, WhatItDoesNotSayIsUnset) {
  const SamplingDefaults defaults = Read(R"({"temperature": null})");
  EXPECT_FALSE(defaults.do_sample);
  EXPECT_FALSE(defaults.temperature.has_value());
  EXPECT_FALSE(defaults.top_k.has_value());
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(SamplingDefaultsTest, WhatIsOutOfRangeIsIgnoredWithAWarning) {
  const SamplingDefaults defaults = Read(
      R"({"temperature": -1, "top_k": 1e12, "top_p": "all",
          "repetition_penalty": 1.5})");
  EXPECT_FALSE(defaults.temperature.has_value());
  EXPECT_FALSE(defaults.top_k.has_value());
  EXPECT_FALSE(defaults.top_p.has_value());
  EXPECT_EQ(defaults.repetition_penalty, 1.5f);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("temperature"),
                                     HasSubstr("top_k"), HasSubstr("top_p")));
}

TEST_F(SamplingDefaultsTest, TheConfigOfAModelHasThem) {
  const auto config = ParseDecoderConfig(
      R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama"})",
      R"({"do_sample": true, "top_k": 7})");
  ASSERT_OK(config);
  EXPECT_TRUE(config->sampling.do_sample);
  EXPECT_EQ(config->sampling.top_k, 7);
}

}  // namespace
}  // namespace lora
