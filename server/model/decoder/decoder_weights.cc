// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_weights.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/kernels/check.h"
#include "server/model/decoder/decoder_spec.h"

namespace lora {
namespace {

// Loads modules by path.
class ModuleLoader {
 public:
  ModuleLoader(const WeightPlan& plan, const BaseModelSpec& spec,
               TensorLoader& tensors, WeightArena& matrices)
      : plan_(plan), spec_(spec), tensors_(tensors), matrices_(matrices) {}

  absl::StatusOr<LoraLinear> Linear(const std::string& path) {
    const int32_t index = Index(path);
    const WeightPlan::Module& module = plan_.modules[index];
    LORA_ASSIGN_OR_RETURN(PackedWeight weight,
                          tensors_.LoadMatrix(module.weight, matrices_));
    at::Tensor bias;
    if (module.bias.has_value()) {
      LORA_ASSIGN_OR_RETURN(bias, tensors_.LoadTensor(*module.bias));
    }
    return LoraLinear(index, std::move(weight), std::move(bias));
  }

  absl::StatusOr<at::Tensor> Tensor(const std::string& path) {
    return tensors_.LoadTensor(plan_.modules[Index(path)].weight);
  }

 private:
  int32_t Index(const std::string& path) const {
    const std::optional<int32_t> index = spec_.FindModule(path);
    LORA_CHECK(index.has_value(), "the spec lists every module of a decoder");
    return *index;
  }

  const WeightPlan& plan_;
  const BaseModelSpec& spec_;
  TensorLoader& tensors_;
  WeightArena& matrices_;
};

absl::StatusOr<DecoderLayer> LoadLayer(ModuleLoader& loader,
                                       const std::string& prefix,
                                       bool qk_norm) {
  const std::string attention = absl::StrCat(prefix, "self_attn.");
  const std::string mlp = absl::StrCat(prefix, "mlp.");
  LORA_ASSIGN_OR_RETURN(at::Tensor input_norm,
                        loader.Tensor(absl::StrCat(prefix, "input_layernorm")));
  LORA_ASSIGN_OR_RETURN(LoraLinear q,
                        loader.Linear(absl::StrCat(attention, "q_proj")));
  LORA_ASSIGN_OR_RETURN(LoraLinear k,
                        loader.Linear(absl::StrCat(attention, "k_proj")));
  LORA_ASSIGN_OR_RETURN(LoraLinear v,
                        loader.Linear(absl::StrCat(attention, "v_proj")));
  at::Tensor q_norm;
  at::Tensor k_norm;
  if (qk_norm) {
    LORA_ASSIGN_OR_RETURN(q_norm,
                          loader.Tensor(absl::StrCat(attention, "q_norm")));
    LORA_ASSIGN_OR_RETURN(k_norm,
                          loader.Tensor(absl::StrCat(attention, "k_norm")));
  }
  LORA_ASSIGN_OR_RETURN(LoraLinear o,
                        loader.Linear(absl::StrCat(attention, "o_proj")));
  LORA_ASSIGN_OR_RETURN(
      at::Tensor post_norm,
      loader.Tensor(absl::StrCat(prefix, "post_attention_layernorm")));
  LORA_ASSIGN_OR_RETURN(LoraLinear gate,
                        loader.Linear(absl::StrCat(mlp, "gate_proj")));
  LORA_ASSIGN_OR_RETURN(LoraLinear up,
                        loader.Linear(absl::StrCat(mlp, "up_proj")));
  LORA_ASSIGN_OR_RETURN(LoraLinear down,
                        loader.Linear(absl::StrCat(mlp, "down_proj")));
  return DecoderLayer{.input_norm = std::move(input_norm),
                      .post_attention_norm = std::move(post_norm),
                      .q_norm = std::move(q_norm),
                      .k_norm = std::move(k_norm),
                      .q = std::move(q),
                      .k = std::move(k),
                      .v = std::move(v),
                      .o = std::move(o),
                      .gate = std::move(gate),
                      .up = std::move(up),
                      .down = std::move(down)};
}

}  // namespace

absl::StatusOr<DecoderWeights> LoadDecoderWeights(
    const WeightPlan& plan, const BaseModelSpec& spec,
    const DecoderConfig& config, const WeightFormat& format,
    const LoadProgress& progress) {
  TensorLoader tensors(format, plan.Bytes(format), progress);
  LORA_ASSIGN_OR_RETURN(
      WeightArena matrices,
      WeightArena::Create(plan.MatrixBytes(format), format.device));
  ModuleLoader loader(plan, spec, tensors, matrices);
  LORA_ASSIGN_OR_RETURN(at::Tensor embedding, loader.Tensor(kEmbeddingModule));
  std::vector<DecoderLayer> layers;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    LORA_ASSIGN_OR_RETURN(DecoderLayer layer,
                          LoadLayer(loader, LayerPrefix(i), config.qk_norm));
    layers.push_back(std::move(layer));
  }
  LORA_ASSIGN_OR_RETURN(at::Tensor final_norm, loader.Tensor(kFinalNormModule));
  LORA_ASSIGN_OR_RETURN(LoraLinear head, loader.Linear(kHeadModule));
  return DecoderWeights{.embedding = std::move(embedding),
                        .layers = std::move(layers),
                        .final_norm = std::move(final_norm),
                        .head = std::move(head)};
}

}  // namespace lora
