// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_DECODER_FAMILY_H_
#define LORA_SERVER_MODEL_DECODER_DECODER_FAMILY_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "server/model/decoder/decoder_config.h"

namespace lora {

// Which attention projections have a bias.
enum class BiasRule : uint8_t {
  kNone,
  kQkv,         // Always, on q, k and v.
  kConfigured,  // `attention_bias`, on q, k, v and o.
};

// Which layers attend through a sliding window.
enum class WindowRule : uint8_t {
  kNone,
  kEveryLayer,   // `sliding_window`.
  kUpperLayers,  // `use_sliding_window`, layers from `max_window_layers` on.
};

// What a family's code fixes, and what its config class gives a missing key.
struct FamilyRules {
  DecoderFamily family;
  absl::string_view model_type;
  absl::string_view architecture;
  int64_t vocab_size;
  int64_t intermediate_size;
  int64_t max_positions;
  std::optional<int64_t> num_kv_heads;  // Unset: as many as heads.
  std::optional<int64_t> head_dim;      // Unset: hidden_size / heads.
  std::optional<int32_t> eos_token_id;
  BiasRule attention_bias;
  WindowRule window;
  bool has_mlp_bias;
  bool qk_norm;
};

// The rules of `model_type`; null: not a family of this server.
const FamilyRules* FindFamily(absl::string_view model_type);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_DECODER_FAMILY_H_
