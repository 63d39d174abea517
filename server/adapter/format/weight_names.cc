// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/weight_names.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/adapter/format/foreign_format.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr absl::string_view kPeftPrefix = "base_model.model.";
constexpr absl::string_view kModelPrefix = "model.";

absl::Status Invalid(ErrorReason reason, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason, message);
}

absl::Status Unimplemented(ErrorReason reason, absl::string_view message) {
  return Error(absl::StatusCode::kUnimplemented, reason, message);
}

// The base module that `key` is a whole weight or bias of.
std::optional<int32_t> FindSavedModule(absl::string_view key,
                                       const BaseModelSpec& base) {
  absl::ConsumePrefix(&key, kPeftPrefix);
  if (!absl::ConsumeSuffix(&key, ".weight") &&
      !absl::ConsumeSuffix(&key, ".bias")) {
    return std::nullopt;
  }
  absl::ConsumeSuffix(&key, ".base_layer");
  absl::ConsumeSuffix(&key, ".default");
  absl::ConsumeSuffix(&key, ".modules_to_save");
  return base.FindModule(key);
}

absl::Status RefuseSavedModule(const TensorInfo& tensor,
                               const BaseModule& module) {
  const std::vector<int64_t> matrix =
      module.type == ModuleType::kEmbedding
          ? std::vector<int64_t>{module.in_features, module.out_features}
          : std::vector<int64_t>{module.out_features, module.in_features};
  if (tensor.shape.size() == 2 && tensor.shape != matrix) {
    return Error(
        absl::StatusCode::kFailedPrecondition, ErrorReason::kSavedModule,
        absl::StrCat("tensor \"", tensor.name, "\" replaces \"", module.path,
                     "\" by a matrix of shape ", ShapeText(tensor.shape),
                     "; the base has ", ShapeText(matrix)));
  }
  return Unimplemented(
      ErrorReason::kFeature,
      absl::StrCat("tensor \"", tensor.name, "\" replaces weights of \"",
                   module.path,
                   "\", which is not implemented; save the adapter with "
                   "save_embedding_layers=False and without "
                   "modules_to_save"));
}

// A file's prefix, once "base_model.model." is gone: "model." counts as one
// only if all paths exist without it and none with it.
bool HasModelPrefix(const std::vector<std::string>& paths,
                    const BaseModelSpec& base) {
  return std::all_of(paths.begin(), paths.end(),
                     [&base](absl::string_view path) {
                       return !base.FindModule(path).has_value() &&
                              absl::ConsumePrefix(&path, kModelPrefix) &&
                              base.FindModule(path).has_value();
                     });
}

struct NamedTensor {
  WeightName name;
  const TensorInfo* tensor;
};

absl::StatusOr<std::vector<NamedTensor>> NameTensors(
    absl::Span<const TensorInfo> tensors, const BaseModelSpec& base) {
  std::vector<NamedTensor> named;
  for (const TensorInfo& tensor : tensors) {
    const WeightName name = ParseWeightName(tensor.name);
    if (name.role == WeightRole::kTraining) continue;
    if (name.role == WeightRole::kOther) return RefuseWeight(tensor, base);
    if (absl::StrContains(absl::StrCat(name.module, "."), ".base_layer.")) {
      return Unimplemented(
          ErrorReason::kFeature,
          absl::StrCat("tensor \"", tensor.name,
                       "\" is LoRA inside a LoRA layer (target_parameters or "
                       "nn.MultiheadAttention), which is not implemented"));
    }
    if (!named.empty() && named.front().name.infix != name.infix) {
      return Invalid(
          ErrorReason::kKeyInfix,
          absl::StrCat("tensors \"", named.front().tensor->name, "\" and \"",
                       tensor.name,
                       "\" belong to adapters of different names; save one "
                       "adapter a file"));
    }
    named.push_back({name, &tensor});
  }
  return named;
}

// Checks that all names have the prefix of PEFT's wrapper, or none.
absl::StatusOr<bool> HasPeftPrefix(const std::vector<NamedTensor>& named) {
  const auto has_prefix = [](const NamedTensor& entry) {
    return absl::StartsWith(entry.name.module, kPeftPrefix);
  };
  const auto odd =
      std::find_if(named.begin(), named.end(), [&](const NamedTensor& entry) {
        return has_prefix(entry) != has_prefix(named.front());
      });
  if (odd == named.end()) return !named.empty() && has_prefix(named.front());
  return Invalid(
      ErrorReason::kKeyConflict,
      absl::StrCat("tensors \"", named.front().tensor->name, "\" and \"",
                   odd->tensor->name, "\" disagree about the prefix \"",
                   kPeftPrefix, "\""));
}

}  // namespace

WeightName ParseWeightName(absl::string_view key) {
  WeightName name;
  if (absl::StrContains(key, "lora_velora_embed") ||
      absl::StrContains(key, "lora_monteclora_sampler")) {
    name.role = WeightRole::kTraining;
    return name;
  }
  absl::string_view stem = key;
  if (!absl::ConsumeSuffix(&stem, ".weight")) return name;
  // "<module>.lora_A" or "<module>.lora_A.<infix>".
  const size_t dot = stem.rfind('.');
  if (dot == absl::string_view::npos) return name;
  absl::string_view last = stem.substr(dot + 1);
  absl::string_view module = stem.substr(0, dot);
  if (last != "lora_A" && last != "lora_B") {
    const size_t before = module.rfind('.');
    if (before == absl::string_view::npos) return name;
    name.infix = last;
    last = module.substr(before + 1);
    module = module.substr(0, before);
  }
  if (last == "lora_A") {
    name.role = WeightRole::kLoraA;
  } else if (last == "lora_B") {
    name.role = WeightRole::kLoraB;
  } else {
    return WeightName();
  }
  name.module = module;
  return name;
}

absl::Status RefuseWeight(const TensorInfo& tensor, const BaseModelSpec& base) {
  const absl::string_view key = tensor.name;
  const std::string quoted = absl::StrCat("tensor \"", key, "\" ");
  if (IsLycorisKey(key)) {
    return Unimplemented(ErrorReason::kLycorisAlgo,
                         absl::StrCat(quoted,
                                      "belongs to a LyCORIS algorithm; only "
                                      "plain LoRA is served"));
  }
  if (absl::StrContains(key, ".lora_magnitude_vector")) {
    return Invalid(ErrorReason::kDora,
                   absl::StrCat(quoted,
                                "is a DoRA magnitude, but the config does not "
                                "set use_dora"));
  }
  if (absl::StrContains(key, ".lora_B.") && absl::EndsWith(key, ".bias")) {
    return Invalid(ErrorReason::kLoraBias,
                   absl::StrCat(quoted,
                                "is a bias of B, but the config does not set "
                                "lora_bias"));
  }
  if (absl::StrContains(key, ".lora_diag")) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 ErrorReason::kBaseMutated,
                 absl::StrCat(quoted,
                              "is KaSA's, whose base model was changed before "
                              "training"));
  }
  if (absl::StrContains(key, ".lora_embedding_")) {
    return Unimplemented(ErrorReason::kFeature,
                         absl::StrCat(quoted,
                                      "adapts an embedding, which is not "
                                      "implemented"));
  }
  if (absl::StrContains(key, ".token_adapter.")) {
    return Unimplemented(ErrorReason::kFeature,
                         absl::StrCat(quoted,
                                      "replaces embedding rows, which is not "
                                      "implemented"));
  }
  if (const auto module = FindSavedModule(key, base)) {
    return RefuseSavedModule(tensor, base.modules[*module]);
  }
  return Invalid(ErrorReason::kKeyUnknown,
                 absl::StrCat(quoted,
                              "is no LoRA weight; expected names such as "
                              "\"base_model.model.<module>.lora_A.weight\""));
}

absl::StatusOr<std::vector<WeightPair>> PairWeights(
    absl::Span<const TensorInfo> tensors, const BaseModelSpec& base) {
  LORA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> named,
                        NameTensors(tensors, base));
  LORA_ASSIGN_OR_RETURN(const bool has_prefix, HasPeftPrefix(named));
  std::map<std::string, WeightPair> by_path;
  for (const NamedTensor& entry : named) {
    absl::string_view path = entry.name.module;
    if (has_prefix) path.remove_prefix(kPeftPrefix.size());
    WeightPair& pair = by_path[std::string(path)];
    const TensorInfo*& half =
        entry.name.role == WeightRole::kLoraA ? pair.a : pair.b;
    half = entry.tensor;
  }
  if (by_path.empty()) {
    return Invalid(ErrorReason::kEmpty, "the file holds no LoRA tensors");
  }
  std::vector<WeightPair> pairs;
  std::vector<std::string> paths;
  for (auto& [path, pair] : by_path) {
    if (pair.a == nullptr || pair.b == nullptr) {
      return Invalid(
          ErrorReason::kKeyUnpaired,
          absl::StrCat("tensor \"", (pair.a ? pair.a : pair.b)->name,
                       "\" has no lora_", pair.a ? "B" : "A", " beside it"));
    }
    paths.push_back(path);
    pairs.push_back(std::move(pair));
  }
  const size_t skip = HasModelPrefix(paths, base) ? kModelPrefix.size() : 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].path = paths[i].substr(skip);
  }
  return pairs;
}

}  // namespace lora
