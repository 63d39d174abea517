// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/config_fields.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"

namespace lora {
namespace {

// A field and the number with which it does nothing (null, false, zero and
// empty never do anything).
struct UnsupportedField {
  absl::string_view key;
  double neutral = 0.0;
};

constexpr auto kUnsupportedFields = std::to_array<UnsupportedField>({
    {"quantization_config"},
    {"compression_config"},
    // Mixtures of experts.
    {"num_local_experts"},
    {"num_experts"},
    {"n_routed_experts"},
    {"moe_intermediate_size"},
    // Attention.
    {"partial_rotary_factor", 1.0},
    {"attn_logit_softcapping"},
    {"query_pre_attn_scalar"},
    {"attention_multiplier", 1.0},
    {"attention_chunk_size"},
    {"attention_sinks"},
    {"clip_qkv"},
    {"use_qk_norm"},
    {"alibi"},
    {"no_rope_layers"},
    {"no_rope_layer_interval"},
    {"rope_interleaved"},
    {"use_mrope"},
    {"kv_lora_rank"},
    {"q_lora_rank"},
    // Scales of embeddings, branches and logits.
    {"embedding_multiplier", 1.0},
    {"residual_multiplier", 1.0},
    {"logits_scaling", 1.0},
    {"logit_scale", 1.0},
    {"final_logit_softcapping"},
    // Other shapes of network.
    {"per_layer_config"},
    {"use_parallel_residual"},
    {"lm_head_bias"},
    {"is_encoder_decoder"},
    {"add_cross_attention"},
    {"vision_config"},
    {"audio_config"},
});

// Fields that training, other tools, or generation with transformers read.
constexpr auto kHarmlessFields = std::to_array<absl::string_view>({
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_from_model_config",
    "_name_or_path",
    "attention_dropout",
    "attn_implementation",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "hidden_dropout",
    "id2label",
    "initializer_range",
    "is_decoder",
    "keys_to_ignore_at_inference",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "name_or_path",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "pretraining_tp",  // Splits products without changing them.
    "problem_type",
    "pruned_heads",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
});

bool IsSwitchedOff(const Json& value, double neutral) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) {
    return value.get<double>() == 0.0 || value.get<double>() == neutral;
  }
  return value.empty();
}

bool IsHarmless(absl::string_view key) {
  return std::find(kHarmlessFields.begin(), kHarmlessFields.end(), key) !=
         kHarmlessFields.end();
}

}  // namespace

void RefuseUnsupportedFields(FieldReader& config) {
  for (const UnsupportedField& field : kUnsupportedFields) {
    const Json* value = config.Raw(field.key);
    if (value == nullptr || IsSwitchedOff(*value, field.neutral)) continue;
    config.FailFeature(absl::StrCat("\"", field.key, "\" is not supported"));
  }
}

std::vector<std::string> UnknownFieldWarnings(FieldReader& config) {
  std::vector<std::string> warnings;
  for (const std::string& key : config.UnreadKeys()) {
    const Json* value = config.Raw(key);
    if (IsHarmless(key) || value == nullptr || IsSwitchedOff(*value, 0.0)) {
      continue;
    }
    warnings.push_back(absl::StrCat(config.context(), ": unknown field \"", key,
                                    "\" was ignored"));
  }
  return warnings;
}

}  // namespace lora
