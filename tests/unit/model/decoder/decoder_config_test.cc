// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_config.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A config.json of `model_type` with `fields` besides.
std::string Config(absl::string_view model_type, absl::string_view fields) {
  return absl::StrCat(R"({"model_type": ")", model_type, "\"",
                      fields.empty() ? "" : ", ", fields, "}");
}

absl::StatusOr<DecoderConfig> Parse(absl::string_view model_type,
                                    absl::string_view fields) {
  return ParseDecoderConfig(Config(model_type, fields), "");
}

TEST(DecoderConfigTest, LlamaHasItsClassDefaults) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig config, Parse("llama", ""));
  EXPECT_EQ(config.family, DecoderFamily::kLlama);
  EXPECT_EQ(config.model_type, "llama");
  EXPECT_EQ(config.vocab_size, 32000);
  EXPECT_EQ(config.hidden_size, 4096);
  EXPECT_EQ(config.intermediate_size, 11008);
  EXPECT_EQ(config.num_layers, 32);
  EXPECT_EQ(config.num_heads, 32);
  EXPECT_EQ(config.num_kv_heads, 32);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_EQ(config.max_positions, 2048);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.rope.theta, 10000.0);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_FALSE(config.qkv_bias || config.o_bias || config.mlp_bias);
  EXPECT_FALSE(config.qk_norm);
  EXPECT_THAT(config.layer_windows, Each(0));
  EXPECT_THAT(config.eos_token_ids, ElementsAre(2));
}

TEST(DecoderConfigTest, MistralHasItsClassDefaults) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig config, Parse("mistral", ""));
  EXPECT_EQ(config.intermediate_size, 14336);
  EXPECT_EQ(config.num_kv_heads, 8);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_EQ(config.max_positions, 131072);
  EXPECT_THAT(config.layer_windows, Each(4096));
  EXPECT_THAT(config.eos_token_ids, ElementsAre(2));
}

TEST(DecoderConfigTest, Qwen2HasItsClassDefaults) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig config, Parse("qwen2", ""));
  EXPECT_EQ(config.vocab_size, 151936);
  EXPECT_EQ(config.intermediate_size, 22016);
  EXPECT_EQ(config.num_kv_heads, 32);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_EQ(config.max_positions, 32768);
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_FALSE(config.o_bias || config.mlp_bias || config.qk_norm);
  EXPECT_THAT(config.layer_windows, Each(0));
}

TEST(DecoderConfigTest, Qwen3HasItsClassDefaults) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig config,
                       Parse("qwen3", R"("hidden_size": 1024)"));
  EXPECT_EQ(config.num_kv_heads, 32);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_TRUE(config.qk_norm);
  EXPECT_FALSE(config.qkv_bias || config.o_bias);
}

TEST(DecoderConfigTest, MissingKvHeadsAndNullKvHeadsDiffer) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig missing,
                       Parse("qwen2", R"("num_attention_heads": 64)"));
  EXPECT_EQ(missing.num_kv_heads, 32);
  ASSERT_OK_AND_ASSIGN(
      const DecoderConfig null,
      Parse("qwen2",
            R"("num_attention_heads": 64, "num_key_value_heads": null)"));
  EXPECT_EQ(null.num_kv_heads, 64);
  ASSERT_OK_AND_ASSIGN(const DecoderConfig llama,
                       Parse("llama", R"("num_attention_heads": 64)"));
  EXPECT_EQ(llama.num_kv_heads, 64);
}

TEST(DecoderConfigTest, HeadDimIsGivenOrFollowsFromTheWidth) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig given,
                       Parse("mistral", R"("head_dim": 160)"));
  EXPECT_EQ(given.head_dim, 160);
  ASSERT_OK_AND_ASSIGN(const DecoderConfig null,
                       Parse("qwen3", R"("head_dim": null,
                                         "hidden_size": 2048)"));
  EXPECT_EQ(null.head_dim, 64);
}

TEST(DecoderConfigTest, BiasesAreThoseOfTheFamily) {
  constexpr char kBiases[] = R"("attention_bias": true, "mlp_bias": true)";
  ASSERT_OK_AND_ASSIGN(const DecoderConfig llama, Parse("llama", kBiases));
  EXPECT_TRUE(llama.qkv_bias && llama.o_bias && llama.mlp_bias);
  ASSERT_OK_AND_ASSIGN(const DecoderConfig qwen3, Parse("qwen3", kBiases));
  EXPECT_TRUE(qwen3.qkv_bias && qwen3.o_bias);
  EXPECT_FALSE(qwen3.mlp_bias);
  ASSERT_OK_AND_ASSIGN(const DecoderConfig mistral, Parse("mistral", kBiases));
  EXPECT_FALSE(mistral.qkv_bias || mistral.o_bias || mistral.mlp_bias);
  EXPECT_THAT(mistral.warnings,
              ElementsAre(HasSubstr("attention_bias"), HasSubstr("mlp_bias")));
}

TEST(DecoderConfigTest, MistralWindowIsGivenOrNull) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig given,
                       Parse("mistral", R"("sliding_window": 256)"));
  EXPECT_THAT(given.layer_windows, Each(256));
  ASSERT_OK_AND_ASSIGN(const DecoderConfig null,
                       Parse("mistral", R"("sliding_window": null)"));
  EXPECT_THAT(null.layer_windows, Each(0));
}

TEST(DecoderConfigTest, QwenWindowHoldsFromALayerOnIfSwitchedOn) {
  ASSERT_OK_AND_ASSIGN(
      const DecoderConfig on,
      Parse("qwen2", R"("num_hidden_layers": 4, "use_sliding_window": true,
                        "sliding_window": 128, "max_window_layers": 3)"));
  EXPECT_THAT(on.layer_windows, ElementsAre(0, 0, 0, 128));
  ASSERT_OK_AND_ASSIGN(
      const DecoderConfig off,
      Parse("qwen2", R"("num_hidden_layers": 4, "sliding_window": 128,
                        "max_window_layers": 3)"));
  EXPECT_THAT(off.layer_windows, ElementsAre(0, 0, 0, 0));
  ASSERT_OK_AND_ASSIGN(const DecoderConfig defaults,
                       Parse("qwen3", R"("use_sliding_window": true)"));
  EXPECT_EQ(defaults.layer_windows[27], 0);
  EXPECT_EQ(defaults.layer_windows[28], 4096);
}

TEST(DecoderConfigTest, LayerTypesWinOverTheRules) {
  ASSERT_OK_AND_ASSIGN(
      const DecoderConfig config,
      Parse("mistral", R"("num_hidden_layers": 3, "sliding_window": 64,
          "layer_types": ["full_attention", "sliding_attention",
                          "full_attention"])"));
  EXPECT_THAT(config.layer_windows, ElementsAre(0, 64, 0));
}

TEST(DecoderConfigTest, EndTokensOfTheGenerationConfigWin) {
  const std::string config = Config("llama", R"("eos_token_id": 5)");
  ASSERT_OK_AND_ASSIGN(const DecoderConfig list,
                       ParseDecoderConfig(config, R"({"eos_token_id": [7, 9],
                                                      "temperature": 0.6})"));
  EXPECT_THAT(list.eos_token_ids, ElementsAre(7, 9));
  ASSERT_OK_AND_ASSIGN(const DecoderConfig silent,
                       ParseDecoderConfig(config, R"({"do_sample": true})"));
  EXPECT_THAT(silent.eos_token_ids, ElementsAre(5));
  ASSERT_OK_AND_ASSIGN(const DecoderConfig none,
                       ParseDecoderConfig(config, ""));
  EXPECT_THAT(none.eos_token_ids, ElementsAre(5));
}

TEST(DecoderConfigTest, NoEndTokenAnywhereIsWarnedOf) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig config, Parse("qwen2", ""));
  EXPECT_THAT(config.eos_token_ids, IsEmpty());
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("eos_token_id")));
}

TEST(DecoderConfigTest, OnlyDynamicRopeLimitsWhatPromptsShare) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig plain, Parse("llama", ""));
  EXPECT_EQ(plain.max_shared_prompt(), std::nullopt);
  ASSERT_OK_AND_ASSIGN(const DecoderConfig dynamic,
                       Parse("llama", R"("max_position_embeddings": 64,
                        "rope_scaling": {"type": "dynamic", "factor": 2})"));
  EXPECT_EQ(dynamic.max_shared_prompt(), 64);
}

struct Context {
  const char* name;
  const char* fields;
  int64_t tokens;
};

class DecoderConfigContextTest : public testing::TestWithParam<Context> {};

TEST_P(DecoderConfigContextTest, IsWhatScalingReaches) {
  ASSERT_OK_AND_ASSIGN(const DecoderConfig config,
                       Parse("llama", GetParam().fields));
  EXPECT_EQ(config.max_context(), GetParam().tokens);
}

INSTANTIATE_TEST_SUITE_P(
    Ropes, DecoderConfigContextTest,
    testing::Values(
        Context{"Default", R"("max_position_embeddings": 4096)", 4096},
        Context{"ClassDefault", "", 2048},
        Context{"Llama3StatesTheScaledLength",
                R"("max_position_embeddings": 131072,
                   "rope_scaling": {"rope_type": "llama3", "factor": 32,
                     "low_freq_factor": 1, "high_freq_factor": 4,
                     "original_max_position_embeddings": 8192})",
                131072},
        Context{"LinearStatesTheTrainedLength",
                R"("max_position_embeddings": 4096,
                   "rope_scaling": {"type": "linear", "factor": 4})",
                16384},
        Context{"LinearStatesBoth",
                R"("max_position_embeddings": 16384,
                   "rope_scaling": {"type": "linear", "factor": 4,
                     "original_max_position_embeddings": 4096})",
                16384},
        Context{"LinearByAFraction",
                R"("max_position_embeddings": 1001,
                   "rope_scaling": {"type": "linear", "factor": 1.5})",
                1501},
        Context{"LinearThatShrinks",
                R"("max_position_embeddings": 4096,
                   "rope_scaling": {"type": "linear", "factor": 0.5})",
                4096},
        Context{"Dynamic",
                R"("max_position_embeddings": 16,
                   "rope_parameters": {"rope_type": "dynamic", "factor": 4})",
                64},
        // transformers scales from max_position_embeddings whatever this says.
        Context{"DynamicHasOneLength",
                R"("max_position_embeddings": 16,
                   "rope_parameters": {"rope_type": "dynamic", "factor": 4,
                     "original_max_position_embeddings": 8})",
                64},
        Context{"YarnStatesTheTrainedLength",
                R"("max_position_embeddings": 32768,
                   "rope_scaling": {"type": "yarn", "factor": 4,
                     "original_max_position_embeddings": 32768})",
                131072},
        Context{"YarnStatesTheScaledLength",
                R"("max_position_embeddings": 131072,
                   "rope_scaling": {"type": "yarn", "factor": 4,
                     "original_max_position_embeddings": 32768})",
                131072},
        Context{"YarnStatesMoreThanItsFactor",
                R"("max_position_embeddings": 163840,
                   "rope_scaling": {"type": "yarn", "factor": 4,
                     "original_max_position_embeddings": 32768})",
                163840},
        Context{"YarnWithoutATrainedLength",
                R"("max_position_embeddings": 1024,
                   "rope_scaling": {"type": "yarn", "factor": 2})",
                2048}),
    [](const auto& info) { return info.param.name; });

TEST(DecoderConfigTest, UnknownFieldsAreWarnedOfUnlessSwitchedOff) {
  ASSERT_OK_AND_ASSIGN(
      const DecoderConfig config,
      Parse("llama", R"("frobnicate": 3, "off": false, "none": null,
                        "zero": 0, "empty": [], "torch_dtype": "bfloat16",
                        "pretraining_tp": 2)"));
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("\"frobnicate\"")));
}

struct Refused {
  const char* name;
  const char* model_type;
  const char* fields;
  absl::StatusCode code;
  const char* message;
};

class DecoderConfigRefusedTest : public testing::TestWithParam<Refused> {};

TEST_P(DecoderConfigRefusedTest, IsRefusedByName) {
  const Refused& refused = GetParam();
  EXPECT_THAT(Parse(refused.model_type, refused.fields),
              AllOf(StatusIs(refused.code,
                             refused.code == absl::StatusCode::kUnimplemented
                                 ? ErrorReason::kBaseFeature
                                 : ErrorReason::kBase),
                    MessageIs(HasSubstr(refused.message))));
}

constexpr auto kBroken = absl::StatusCode::kFailedPrecondition;
constexpr auto kLacking = absl::StatusCode::kUnimplemented;

INSTANTIATE_TEST_SUITE_P(
    Features, DecoderConfigRefusedTest,
    testing::Values(
        Refused{"Family", "gemma2", "", kLacking, "\"gemma2\""},
        Refused{"Head", "llama",
                R"("architectures": ["LlamaForSequenceClassification"])",
                kLacking, "LlamaForSequenceClassification"},
        Refused{"Activation", "llama", R"("hidden_act": "gelu")", kLacking,
                "\"gelu\""},
        Refused{"Quantized", "llama", R"("quantization_config": {"bits": 4})",
                kLacking, "quantization_config"},
        Refused{"Experts", "mistral", R"("num_local_experts": 8)", kLacking,
                "num_local_experts"},
        Refused{"PartialRotation", "llama", R"("partial_rotary_factor": 0.5)",
                kLacking, "partial_rotary_factor"},
        Refused{"Softcapping", "llama", R"("final_logit_softcapping": 30.0)",
                kLacking, "final_logit_softcapping"},
        Refused{"LayerType", "qwen2",
                R"("num_hidden_layers": 1,
                   "layer_types": ["linear_attention"])",
                kLacking, "linear_attention"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Broken, DecoderConfigRefusedTest,
    testing::Values(
        Refused{"Heads", "llama",
                R"("num_attention_heads": 32, "num_key_value_heads": 5)",
                kBroken, "num_key_value_heads"},
        Refused{"Width", "llama", R"("hidden_size": 100)", kBroken,
                "hidden_size"},
        Refused{"OddHead", "llama", R"("head_dim": 7)", kBroken, "even"},
        Refused{"NoLayers", "llama", R"("num_hidden_layers": 0)", kBroken,
                "num_hidden_layers"},
        Refused{"HugeVocabulary", "llama",
                R"("vocab_size": 4611686018427387904)", kBroken, "vocab_size"},
        Refused{"Epsilon", "llama", R"("rms_norm_eps": -1e-6)", kBroken,
                "rms_norm_eps"},
        Refused{"Window", "mistral", R"("sliding_window": 0)", kBroken,
                "sliding_window"},
        Refused{"TooFewLayerTypes", "qwen2",
                R"("layer_types": ["full_attention"])", kBroken, "layer_types"},
        Refused{"WindowlessLayerType", "llama",
                R"("num_hidden_layers": 1,
                   "layer_types": ["sliding_attention"])",
                kBroken, "sliding_window"},
        Refused{"EndToken", "llama", R"("eos_token_id": 32000)", kBroken,
                "eos_token_id"},
        Refused{"EndTokenText", "llama", R"("eos_token_id": "</s>")", kBroken,
                "eos_token_id"}),
    [](const auto& info) { return info.param.name; });

TEST(DecoderConfigTest, FilesThatAreNotObjectsAreRefused) {
  for (const char* text : {"", "[]", "{", "3"}) {
    EXPECT_THAT(ParseDecoderConfig(text, ""),
                StatusIs(kBroken, ErrorReason::kBase))
        << text;
  }
  EXPECT_THAT(ParseDecoderConfig("{}", ""),
              AllOf(StatusIs(kBroken, ErrorReason::kBase),
                    MessageIs(HasSubstr("model_type"))));
  EXPECT_THAT(ParseDecoderConfig(Config("llama", ""), "[]"),
              AllOf(StatusIs(kBroken, ErrorReason::kBase),
                    MessageIs(HasSubstr("generation_config.json"))));
}

}  // namespace
}  // namespace lora
