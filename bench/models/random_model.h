// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_MODELS_RANDOM_MODEL_H_
#define LORA_BENCH_MODELS_RANDOM_MODEL_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace lora {

// The sizes of a Llama whose weights are random: speed depends on shapes, not
// on what a model has learnt.
struct ModelShape {
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t ffn = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t vocab = 32000;
  int64_t context = 2048;
};

// Those of Qwen2.5-0.5B and of TinyLlama-1.1B, each with 32,000 tokens.
inline constexpr ModelShape kShape05B = {
    .hidden = 896, .layers = 24, .ffn = 4864, .heads = 14, .kv_heads = 2};
inline constexpr ModelShape kShape11B = {
    .hidden = 2048, .layers = 22, .ffn = 5632, .heads = 32, .kv_heads = 4};

// Writes a Hugging Face directory to the existing folder `directory`:
// config.json, generation_config.json, model.safetensors in bfloat16 (head tied
// to the embedding) and a tokenizer.json of 256 byte tokens; the rest of the
// vocabulary is only ids. The same bytes for the same arguments.
absl::Status WriteRandomModel(const std::string& directory,
                              const ModelShape& shape, uint64_t seed);

// Writes a PEFT LoRA adapter of `rank` over all seven linear modules of every
// layer to the existing folder `directory`, in bfloat16, alpha twice the rank.
// The same bytes for the same arguments.
absl::Status WriteRandomAdapter(const std::string& directory,
                                const ModelShape& shape, int64_t rank,
                                uint64_t seed);

}  // namespace lora

#endif  // LORA_BENCH_MODELS_RANDOM_MODEL_H_
