// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_DECODER_SPEC_H_
#define LORA_SERVER_MODEL_DECODER_DECODER_SPEC_H_

#include <cstdint>
#include <string>

#include "server/adapter/base_model_spec.h"
#include "server/model/decoder/decoder_config.h"

namespace lora {

inline constexpr char kEmbeddingModule[] = "model.embed_tokens";
inline constexpr char kFinalNormModule[] = "model.norm";
inline constexpr char kHeadModule[] = "lm_head";

// "model.layers.3.", which opens the names of a layer's modules.
std::string LayerPrefix(int64_t layer);

// The named modules of the decoder that `config` describes, in execution order,
// indexed. Name and fingerprint are left empty.
BaseModelSpec BuildDecoderSpec(const DecoderConfig& config);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_DECODER_SPEC_H_
