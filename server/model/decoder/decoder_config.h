// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_DECODER_CONFIG_H_
#define LORA_SERVER_MODEL_DECODER_DECODER_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/model/decoder/rope_config.h"
#include "server/model/decoder/sampling_defaults.h"

namespace lora {

enum class DecoderFamily : uint8_t { kLlama, kMistral, kQwen2, kQwen3 };

// A decoder's architecture, read from a Hugging Face config.json: everything
// that the forward pass depends on, all of it checked.
struct DecoderConfig {
  DecoderFamily family = DecoderFamily::kLlama;
  std::string model_type;  // As in the file: "llama".
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;  // Divides num_heads.
  int64_t head_dim = 0;      // Even.
  int64_t max_positions = 0;
  double rms_norm_eps = 0.0;
  bool tie_word_embeddings = false;
  bool qkv_bias = false;
  bool o_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;  // RMS norm of each head's query and key (Qwen3).
  RopeConfig rope;
  // [num_layers]. Key j is visible from position i iff i - window < j <= i;
  // 0: j <= i.
  std::vector<int64_t> layer_windows;
  // Tokens that end an answer; generation_config.json wins over config.json.
  std::vector<int32_t> eos_token_ids;
  SamplingDefaults sampling;  // Of generation_config.json.
  // What was ignored and may be worth a look; for the log.
  std::vector<std::string> warnings;

  // The longest prompt plus answer, in tokens, that the positions are made for.
  //
  // `max_position_embeddings` is the whole of it for default and llama3 RoPE,
  // whose files state what scaling reaches. Linear, dynamic and yarn files
  // mostly keep the trained length there, and some state the stretched one, so
  // that `factor` times the trained length counts where it is more. The trained
  // length is `original_max_position_embeddings`, else
  // `max_position_embeddings`. A linear file that states the stretched length
  // and no trained one (transformers has no field for it) thereby promises too
  // much: --max-context cuts it.
  int64_t max_context() const;

  // The longest prompt whose cached keys another request may reuse: dynamic
  // RoPE turns a longer prompt by its own length. Unset: any.
  std::optional<int64_t> max_shared_prompt() const {
    if (rope.type != RopeType::kDynamic) return std::nullopt;
    return rope.original_max_positions;
  }
};

// Parses the text of config.json and, unless empty, generation_config.json.
// A missing key has the value that transformers' config class gives it.
//
// Fields that are known to change the result, here or in a relative of these
// families, are refused by name where they are in force (config_fields.cc). Any
// other field that nobody reads is warned of and no more: transformers' classes
// for these model types keep it as an attribute that no code of theirs reads,
// so that it changes nothing there either.
//
// FAILED_PRECONDITION (BASE): not JSON, a field of the wrong type or out of
// range, fields that contradict each other. UNIMPLEMENTED (BASE_FEATURE): an
// architecture, or a field that changes the result, that this server lacks.
absl::StatusOr<DecoderConfig> ParseDecoderConfig(
    absl::string_view config_json, absl::string_view generation_config_json);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_DECODER_CONFIG_H_
