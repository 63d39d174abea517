// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_spec.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lora {
namespace {

void AddLayer(const DecoderConfig& config, int64_t layer, BaseModelSpec& spec) {
  const std::string prefix = LayerPrefix(layer);
  const int64_t hidden = config.hidden_size;
  const int64_t q_width = config.num_heads * config.head_dim;
  const int64_t kv_width = config.num_kv_heads * config.head_dim;
  const auto linear = [&](const char* name, int64_t in, int64_t out) {
    spec.modules.push_back({.path = absl::StrCat(prefix, name),
                            .type = ModuleType::kLinear,
                            .in_features = in,
                            .out_features = out});
  };
  const auto norm = [&](const char* name, int64_t width) {
    spec.modules.push_back({.path = absl::StrCat(prefix, name),
                            .type = ModuleType::kNorm,
                            .in_features = width,
                            .out_features = width});
  };
  norm("input_layernorm", hidden);
  linear("self_attn.q_proj", hidden, q_width);
  linear("self_attn.k_proj", hidden, kv_width);
  linear("self_attn.v_proj", hidden, kv_width);
  if (config.qk_norm) {
    norm("self_attn.q_norm", config.head_dim);
    norm("self_attn.k_norm", config.head_dim);
  }
  linear("self_attn.o_proj", q_width, hidden);
  norm("post_attention_layernorm", hidden);
  linear("mlp.gate_proj", hidden, config.intermediate_size);
  linear("mlp.up_proj", hidden, config.intermediate_size);
  linear("mlp.down_proj", config.intermediate_size, hidden);
}

}  // namespace

std::string LayerPrefix(int64_t layer) {
  return absl::StrCat("model.layers.", layer, ".");
}

BaseModelSpec BuildDecoderSpec(const DecoderConfig& config) {
  BaseModelSpec spec;
  spec.model_type = config.model_type;
  spec.vocab_size = config.vocab_size;
  spec.modules.push_back({.path = kEmbeddingModule,
                          .type = ModuleType::kEmbedding,
                          .in_features = config.vocab_size,
                          .out_features = config.hidden_size});
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    AddLayer(config, layer, spec);
  }
  spec.modules.push_back({.path = kFinalNormModule,
                          .type = ModuleType::kNorm,
                          .in_features = config.hidden_size,
                          .out_features = config.hidden_size});
  spec.modules.push_back({.path = kHeadModule,
                          .type = ModuleType::kLinear,
                          .in_features = config.hidden_size,
                          .out_features = config.vocab_size});
  spec.IndexModules();
  return spec;
}

}  // namespace lora
