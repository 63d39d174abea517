// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_family.h"

#include <array>

namespace lora {
namespace {

constexpr auto kFamilies = std::to_array<FamilyRules>({
    {.family = DecoderFamily::kLlama,
     .model_type = "llama",
     .architecture = "LlamaForCausalLM",
     .vocab_size = 32000,
     .intermediate_size = 11008,
     .max_positions = 2048,
     .eos_token_id = 2,
     .attention_bias = BiasRule::kConfigured,
     .window = WindowRule::kNone,
     .has_mlp_bias = true,
     .qk_norm = false},
    {.family = DecoderFamily::kMistral,
     .model_type = "mistral",
     .architecture = "MistralForCausalLM",
     .vocab_size = 32000,
     .intermediate_size = 14336,
     .max_positions = 131072,
     .num_kv_heads = 8,
     .eos_token_id = 2,
     .attention_bias = BiasRule::kNone,
     .window = WindowRule::kEveryLayer,
     .has_mlp_bias = false,
     .qk_norm = false},
    {.family = DecoderFamily::kQwen2,
     .model_type = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .vocab_size = 151936,
     .intermediate_size = 22016,
     .max_positions = 32768,
     .num_kv_heads = 32,
     .attention_bias = BiasRule::kQkv,
     .window = WindowRule::kUpperLayers,
     .has_mlp_bias = false,
     .qk_norm = false},
    {.family = DecoderFamily::kQwen3,
     .model_type = "qwen3",
     .architecture = "Qwen3ForCausalLM",
     .vocab_size = 151936,
     .intermediate_size = 22016,
     .max_positions = 32768,
     .num_kv_heads = 32,
     .head_dim = 128,
     .attention_bias = BiasRule::kConfigured,
     .window = WindowRule::kUpperLayers,
     .has_mlp_bias = false,
     .qk_norm = true},
});

}  // namespace

const FamilyRules* FindFamily(absl::string_view model_type) {
  for (const FamilyRules& family : kFamilies) {
    if (family.model_type == model_type) return &family;
  }
  return nullptr;
}

}  // namespace lora
