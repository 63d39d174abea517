// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_DECODER_WEIGHTS_H_
#define LORA_SERVER_MODEL_DECODER_DECODER_WEIGHTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/adapter/base_model_spec.h"
#include "server/lora/lora_linear.h"
#include "server/model/decoder/decoder_config.h"
#include "server/model/decoder/tensor_loader.h"
#include "server/model/decoder/weight_plan.h"

namespace lora {

struct DecoderLayer {
  at::Tensor input_norm;           // [hidden]
  at::Tensor post_attention_norm;  // [hidden]
  at::Tensor q_norm;               // [head_dim]; undefined without qk_norm.
  at::Tensor k_norm;               // [head_dim]; undefined without qk_norm.
  LoraLinear q, k, v, o;
  LoraLinear gate, up, down;
};

// A decoder's weights, ready for the kernels. Immutable once loaded.
struct DecoderWeights {
  at::Tensor embedding;  // [vocab, hidden]
  std::vector<DecoderLayer> layers;
  at::Tensor final_norm;  // [hidden]
  LoraLinear head;        // [vocab, hidden]
};

// Loads what `plan` found for the modules of `spec`. Calls `progress`, unless
// empty, each time another tenth of the bytes is done.
//
// RESOURCE_EXHAUSTED (MEMORY): an allocation failed.
absl::StatusOr<DecoderWeights> LoadDecoderWeights(const WeightPlan& plan,
                                                  const BaseModelSpec& spec,
                                                  const DecoderConfig& config,
                                                  const WeightFormat& format,
                                                  const LoadProgress& progress);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_DECODER_WEIGHTS_H_
