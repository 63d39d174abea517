// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_spec.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

DecoderConfig TinyConfig() {
  return {.model_type = "qwen3",
          .vocab_size = 11,
          .hidden_size = 8,
          .intermediate_size = 12,
          .num_layers = 2,
          .num_heads = 3,
          .num_kv_heads = 1,
          .head_dim = 4};
}

TEST(DecoderSpecTest, ModulesComeInExecutionOrder) {
  std::vector<std::string> paths;
  DecoderConfig config = TinyConfig();
  config.num_layers = 1;
  config.qk_norm = true;
  for (const BaseModule& module : BuildDecoderSpec(config).modules) {
    paths.push_back(module.path);
  }
  EXPECT_THAT(
      paths,
      ElementsAre(
          "model.embed_tokens", "model.layers.0.input_layernorm",
          "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj",
          "model.layers.0.self_attn.v_proj", "model.layers.0.self_attn.q_norm",
          "model.layers.0.self_attn.k_norm", "model.layers.0.self_attn.o_proj",
          "model.layers.0.post_attention_layernorm",
          "model.layers.0.mlp.gate_proj", "model.layers.0.mlp.up_proj",
          "model.layers.0.mlp.down_proj", "model.norm", "lm_head"));
}

TEST(DecoderSpecTest, EveryLayerIsListedAndFound) {
  const BaseModelSpec spec = BuildDecoderSpec(TinyConfig());
  EXPECT_THAT(spec.modules, SizeIs(3 + 2 * 9));
  for (size_t i = 0; i < spec.modules.size(); ++i) {
    EXPECT_EQ(spec.FindModule(spec.modules[i].path), static_cast<int32_t>(i));
  }
  EXPECT_TRUE(spec.FindModule("model.layers.1.mlp.down_proj").has_value());
  EXPECT_FALSE(spec.FindModule("model.layers.2.mlp.down_proj").has_value());
  EXPECT_FALSE(spec.FindModule("model.layers.0.self_attn.q_norm").has_value());
}

TEST(DecoderSpecTest, ShapesAndTypesFollowTheConfig) {
  const BaseModelSpec spec = BuildDecoderSpec(TinyConfig());
  struct Expected {
    const char* path;
    ModuleType type;
    int64_t in;
    int64_t out;
  };
  for (const Expected& expected :
       {Expected{"model.embed_tokens", ModuleType::kEmbedding, 11, 8},
        {"model.layers.1.input_layernorm", ModuleType::kNorm, 8, 8},
        {"model.layers.1.self_attn.q_proj", ModuleType::kLinear, 8, 12},
        {"model.layers.1.self_attn.k_proj", ModuleType::kLinear, 8, 4},
        {"model.layers.1.self_attn.v_proj", ModuleType::kLinear, 8, 4},
        {"model.layers.1.self_attn.o_proj", ModuleType::kLinear, 12, 8},
        {"model.layers.1.mlp.gate_proj", ModuleType::kLinear, 8, 12},
        {"model.layers.1.mlp.down_proj", ModuleType::kLinear, 12, 8},
        {"model.norm", ModuleType::kNorm, 8, 8},
        {"lm_head", ModuleType::kLinear, 8, 11}}) {
    const BaseModule& module = spec.modules[*spec.FindModule(expected.path)];
    EXPECT_EQ(module.type, expected.type) << expected.path;
    EXPECT_EQ(module.in_features, expected.in) << expected.path;
    EXPECT_EQ(module.out_features, expected.out) << expected.path;
  }
  EXPECT_EQ(spec.vocab_size, 11);
  EXPECT_EQ(spec.model_type, "qwen3");
}

}  // namespace
}  // namespace lora
