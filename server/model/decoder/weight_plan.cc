// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/weight_plan.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/kernels/packed_weight.h"
#include "server/model/base_error.h"
#include "server/model/decoder/decoder_spec.h"

namespace lora {
namespace {

std::string WeightName(absl::string_view module) {
  return absl::StrCat(module, ".weight");
}

// The stored name of a module's weight: tied modules may share one.
std::string StoredName(const Checkpoint& checkpoint, bool tied,
                       const std::string& module) {
  const std::string own = WeightName(module);
  if (!tied || checkpoint.Find(own).has_value()) return own;
  if (module == kHeadModule) return WeightName(kEmbeddingModule);
  if (module == kEmbeddingModule) return WeightName(kHeadModule);
  return own;
}

PlannedTensor::Use WeightUse(ModuleType type) {
  switch (type) {
    case ModuleType::kEmbedding:
      return PlannedTensor::Use::kTable;
    case ModuleType::kNorm:
      return PlannedTensor::Use::kNorm;
    case ModuleType::kLinear:
      return PlannedTensor::Use::kMatrix;
  }
  return PlannedTensor::Use::kMatrix;
}

std::vector<int64_t> WeightShape(const BaseModule& module) {
  switch (module.type) {
    case ModuleType::kEmbedding:
      return {module.in_features, module.out_features};
    case ModuleType::kNorm:
      return {module.in_features};
    case ModuleType::kLinear:
      return {module.out_features, module.in_features};
  }
  return {};
}

bool HasBias(const DecoderConfig& config, const BaseModule& module) {
  const absl::string_view path = module.path;
  for (absl::string_view name : {".q_proj", ".k_proj", ".v_proj"}) {
    if (absl::EndsWith(path, name)) return config.qkv_bias;
  }
  if (absl::EndsWith(path, ".o_proj")) return config.o_bias;
  return module.type == ModuleType::kLinear &&
         absl::StrContains(path, ".mlp.") && config.mlp_bias;
}

absl::StatusOr<PlannedTensor> PlanTensor(const Checkpoint& checkpoint,
                                         const std::string& name,
                                         PlannedTensor::Use use,
                                         const std::vector<int64_t>& shape) {
  const std::optional<CheckpointTensor> tensor = checkpoint.Find(name);
  if (!tensor.has_value()) {
    return BaseError(absl::StrCat("tensor \"", name, "\", expected as ",
                                  ShapeText(shape),
                                  ", is not in the weights; do config.json "
                                  "and weights belong together?"));
  }
  const TensorInfo& info = *tensor->info;
  if (info.shape != shape) {
    return BaseError(absl::StrCat("tensor \"", name, "\" is ",
                                  ShapeText(info.shape), ", expected ",
                                  ShapeText(shape), " from config.json"));
  }
  if (info.dtype != Dtype::kF32 && info.dtype != Dtype::kF16 &&
      info.dtype != Dtype::kBF16) {
    return BaseFeatureError(absl::StrCat(
        "tensor \"", name, "\" is stored as ", DtypeName(info.dtype),
        ", which is not supported (F32, F16 and BF16 are)"));
  }
  return PlannedTensor{use, *tensor};
}

// Tensors that nothing reads: a sign that weights and config.json differ.
std::vector<std::string> UnusedWarnings(
    const Checkpoint& checkpoint,
    const absl::flat_hash_set<std::string>& used) {
  constexpr size_t kMaxListed = 5;
  std::vector<std::string> unused;
  for (const std::string& name : checkpoint.TensorNames()) {
    // A buffer that old checkpoints store; it is computed from the config.
    if (absl::EndsWith(name, "rotary_emb.inv_freq")) continue;
    if (!used.contains(name)) unused.push_back(name);
  }
  if (unused.empty()) return {};
  std::string list;
  for (size_t i = 0; i < unused.size() && i < kMaxListed; ++i) {
    absl::StrAppend(&list, i == 0 ? "" : ", ", unused[i]);
  }
  return {absl::StrCat(unused.size(), " tensors of the weights are not part ",
                       "of the model and were ignored: ", list,
                       unused.size() > kMaxListed ? ", ..." : "")};
}

int64_t NumElements(const TensorInfo& info) {
  int64_t count = 1;
  for (const int64_t size : info.shape) count *= size;
  return count;
}

}  // namespace

int64_t PlannedTensor::Bytes(const WeightFormat& format) const {
  const int64_t item = static_cast<int64_t>(c10::elementSize(format.dtype));
  const std::vector<int64_t>& shape = source.info->shape;
  switch (use) {
    case Use::kTable:
      return shape[0] * shape[1] * item;
    case Use::kNorm:
      return shape[0] * item;
    case Use::kMatrix:
      return PackedWeight::PackedBytes(shape[0], shape[1], format.dtype,
                                       format.device);
    case Use::kBias:
      return shape[0] * static_cast<int64_t>(sizeof(float));
  }
  return 0;
}

int64_t PlannedTensor::StagingBytes(const WeightFormat& format) const {
  const TensorInfo& info = *source.info;
  const bool bf16 = format.dtype == at::kBFloat16 && use != Use::kBias;
  const Dtype dtype = bf16 ? Dtype::kBF16 : Dtype::kF32;
  // On the CPU all but matrices are converted as they are copied; Torch
  // converts what goes to another device before it copies it there.
  const bool converted_apart = use == Use::kMatrix || !format.device.is_cpu();
  int64_t bytes = 0;
  if (!source.aligned()) bytes += info.bytes();
  if (converted_apart && info.dtype != dtype) {
    bytes += NumElements(info) * DtypeBits(dtype) / 8;
  }
  return bytes;
}

int64_t WeightPlan::Bytes(const WeightFormat& format) const {
  int64_t bytes = 0;
  for (const Module& module : modules) {
    bytes += module.weight.Bytes(format);
    if (module.bias.has_value()) bytes += module.bias->Bytes(format);
  }
  return bytes;
}

int64_t WeightPlan::MatrixBytes(const WeightFormat& format) const {
  int64_t bytes = 0;
  for (const Module& module : modules) {
    if (module.weight.use != PlannedTensor::Use::kMatrix) continue;
    bytes += module.weight.Bytes(format);
  }
  return bytes;
}

int64_t WeightPlan::MaxStagingBytes(const WeightFormat& format) const {
  int64_t bytes = 0;
  for (const Module& module : modules) {
    bytes = std::max(bytes, module.weight.StagingBytes(format));
    if (!module.bias.has_value()) continue;
    bytes = std::max(bytes, module.bias->StagingBytes(format));
  }
  return bytes;
}

int64_t WeightPlan::NumParameters() const {
  absl::flat_hash_set<const TensorInfo*> counted;
  int64_t count = 0;
  const auto add = [&](const PlannedTensor& tensor) {
    const TensorInfo* info = tensor.source.info;
    if (counted.insert(info).second) count += NumElements(*info);
  };
  for (const Module& module : modules) {
    add(module.weight);
    if (module.bias.has_value()) add(*module.bias);
  }
  return count;
}

bool WeightPlan::HasHalfPrecision() const {
  for (const Module& module : modules) {
    if (module.weight.use == PlannedTensor::Use::kMatrix &&
        module.weight.source.info->dtype == Dtype::kF32) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<WeightPlan> PlanWeights(const Checkpoint& checkpoint,
                                       const DecoderConfig& config,
                                       const BaseModelSpec& spec) {
  WeightPlan plan;
  absl::flat_hash_set<std::string> used;
  for (const BaseModule& module : spec.modules) {
    const std::string name =
        StoredName(checkpoint, config.tie_word_embeddings, module.path);
    WeightPlan::Module planned;
    LORA_ASSIGN_OR_RETURN(planned.weight,
                          PlanTensor(checkpoint, name, WeightUse(module.type),
                                     WeightShape(module)));
    used.insert(name);
    if (HasBias(config, module)) {
      const std::string bias = absl::StrCat(module.path, ".bias");
      LORA_ASSIGN_OR_RETURN(
          planned.bias, PlanTensor(checkpoint, bias, PlannedTensor::Use::kBias,
                                   {module.out_features}));
      used.insert(bias);
    }
    plan.modules.push_back(std::move(planned));
  }
  plan.warnings = UnusedWarnings(checkpoint, used);
  return plan;
}

}  // namespace lora
