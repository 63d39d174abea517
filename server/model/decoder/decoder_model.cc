// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_model.h"

#include <c10/core/InferenceMode.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/file.h"
#include "server/base/sha256.h"
#include "server/base/status_macros.h"
#include "server/kernels/check.h"
#include "server/kernels/cpu/select.h"
#include "server/kernels/torch_status.h"
#include "server/model/base_error.h"
#include "server/model/decoder/checkpoint.h"
#include "server/model/decoder/decoder_forward.h"
#include "server/model/decoder/decoder_spec.h"
#include "server/model/decoder/decoder_weights.h"
#include "server/model/decoder/weight_plan.h"
#include "server/model/decoder/workspace.h"

namespace lora {
namespace {

constexpr int64_t kMaxConfigBytes = int64_t{1} << 20;

absl::StatusOr<std::string> ReadConfigFile(const std::string& directory,
                                           absl::string_view name) {
  absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat(directory, "/", name), kMaxConfigBytes);
  if (text.ok() || absl::IsNotFound(text.status())) return text;
  return BaseError(text.status().message());
}

struct ConfigFiles {
  std::string config;
  std::string generation_config;  // Empty: no such file.
};

absl::StatusOr<ConfigFiles> ReadConfigFiles(const std::string& directory) {
  ConfigFiles files;
  absl::StatusOr<std::string> config = ReadConfigFile(directory, "config.json");
  if (absl::IsNotFound(config.status())) {
    return BaseError(
        absl::StrCat(directory,
                     " holds no config.json; expected the folder of a Hugging "
                     "Face model"));
  }
  LORA_ASSIGN_OR_RETURN(files.config, std::move(config));
  absl::StatusOr<std::string> generation =
      ReadConfigFile(directory, "generation_config.json");
  if (absl::IsNotFound(generation.status())) return files;
  LORA_ASSIGN_OR_RETURN(files.generation_config, std::move(generation));
  return files;
}

at::ScalarType ChooseDtype(const LoadOptions& options, const WeightPlan& plan) {
  switch (options.dtype) {
    case ModelDtype::kF32:
      return at::kFloat;
    case ModelDtype::kBF16:
      return at::kBFloat16;
    case ModelDtype::kAuto:
      break;
  }
  const bool fast = !options.device.is_cpu() || HasNativeBf16();
  return fast && plan.HasHalfPrecision() ? at::kBFloat16 : at::kFloat;
}

KvCacheShape KvShape(const DecoderConfig& config, at::ScalarType dtype) {
  return {.num_layers = config.num_layers,
          .num_kv_heads = config.num_kv_heads,
          .head_dim = config.head_dim,
          .dtype = dtype};
}

std::string FolderName(const std::string& directory) {
  std::error_code ignored;
  const std::filesystem::path path =
      std::filesystem::absolute(directory, ignored).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

// By module index; null where the module is not linear.
std::vector<const LoraLinear*> IndexLinears(const DecoderWeights& weights,
                                            size_t num_modules) {
  std::vector<const LoraLinear*> linears(num_modules, nullptr);
  for (const DecoderLayer& layer : weights.layers) {
    for (const LoraLinear* linear : {&layer.q, &layer.k, &layer.v, &layer.o,
                                     &layer.gate, &layer.up, &layer.down}) {
      linears[linear->module_index()] = linear;
    }
  }
  linears[weights.head.module_index()] = &weights.head;
  return linears;
}

}  // namespace

struct DecoderModel::Impl {
  Impl(DecoderConfig model_config, BaseModelSpec model_spec,
       const WeightFormat& weight_format, DecoderWeights model_weights)
      : config(std::move(model_config)),
        spec(std::move(model_spec)),
        format(weight_format),
        weights(std::move(model_weights)),
        linears(IndexLinears(weights, spec.modules.size())),
        forward(config, weights, format) {}

  const DecoderConfig config;
  const BaseModelSpec spec;
  const WeightFormat format;
  const DecoderWeights weights;
  const std::vector<const LoraLinear*> linears;
  int64_t weight_bytes = 0;
  int64_t num_parameters = 0;
  DecoderForward forward;
};

DecoderModel::DecoderModel(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
DecoderModel::~DecoderModel() = default;

absl::StatusOr<std::unique_ptr<DecoderModel>> DecoderModel::Load(
    const std::string& directory, const LoadOptions& options) {
  const c10::InferenceMode inference;
  LORA_ASSIGN_OR_RETURN(const ConfigFiles files, ReadConfigFiles(directory));
  absl::StatusOr<DecoderConfig> config =
      ParseDecoderConfig(files.config, files.generation_config);
  if (!config.ok()) return Annotate(config.status(), directory);
  LORA_ASSIGN_OR_RETURN(const Checkpoint checkpoint,
                        Checkpoint::Open(directory));
  BaseModelSpec spec = BuildDecoderSpec(*config);
  spec.name = FolderName(directory);
  spec.fingerprint =
      Sha256Hex(absl::StrCat(files.config, "\n", checkpoint.Digest()));

  absl::StatusOr<WeightPlan> plan = PlanWeights(checkpoint, *config, spec);
  if (!plan.ok()) return Annotate(plan.status(), directory);
  config->warnings.insert(config->warnings.end(), plan->warnings.begin(),
                          plan->warnings.end());
  const WeightFormat format = {.dtype = ChooseDtype(options, *plan),
                               .device = options.device};
  const int64_t weight_bytes = plan->Bytes(format);
  if (options.admit) {
    LORA_RETURN_IF_ERROR(options.admit(
        {.weight_bytes = weight_bytes,
         .staging_bytes = plan->MaxStagingBytes(format),
         .row_bytes = Workspace::Bytes(*config, format, 1, 0),
         .logit_row_bytes = Workspace::Bytes(*config, format, 0, 1),
         .kv = KvShape(*config, format.dtype)}));
  }
  LORA_ASSIGN_OR_RETURN(
      DecoderWeights weights,
      LoadDecoderWeights(*plan, spec, *config, format, options.progress));
  auto impl = std::make_unique<Impl>(*std::move(config), std::move(spec),
                                     format, std::move(weights));
  impl->weight_bytes = weight_bytes;
  impl->num_parameters = plan->NumParameters();
  return std::unique_ptr<DecoderModel>(new DecoderModel(std::move(impl)));
}

const BaseModelSpec& DecoderModel::spec() const { return impl_->spec; }
const DecoderConfig& DecoderModel::config() const { return impl_->config; }
at::ScalarType DecoderModel::dtype() const { return impl_->format.dtype; }
at::Device DecoderModel::device() const { return impl_->format.device; }
int64_t DecoderModel::weight_bytes() const { return impl_->weight_bytes; }
int64_t DecoderModel::num_parameters() const { return impl_->num_parameters; }

KvCacheShape DecoderModel::kv_shape() const {
  return KvShape(config(), dtype());
}

const PackedWeight& DecoderModel::weight(int32_t module_index) const {
  const LoraLinear* linear = impl_->linears.at(module_index);
  LORA_CHECK(linear != nullptr, "only linear modules have a packed weight");
  return linear->weight();
}

absl::StatusOr<at::Tensor> DecoderModel::Forward(KernelContext& context,
                                                 const StepInputs& inputs,
                                                 KvCache& cache) {
  LORA_RETURN_IF_ERROR(
      CheckStepInputs(inputs, {.vocab_size = config().vocab_size,
                               .num_blocks = cache.num_blocks(),
                               .block_size = cache.shape().block_size}));
  const c10::InferenceMode inference;
  at::Tensor logits;
  LORA_RETURN_IF_ERROR(TorchGuard([&] {
    logits = impl_->forward.Run(context, inputs, cache);
    return absl::OkStatus();
  }));
  return logits;
}

}  // namespace lora
