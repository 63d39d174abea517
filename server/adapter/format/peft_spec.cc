// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_spec.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/adapter/format/peft_fields.h"
#include "server/adapter/format/weight_names.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status Invalid(ErrorReason reason, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason, message);
}

absl::Status Mismatch(ErrorReason reason, absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, reason, message);
}

absl::string_view LastComponent(absl::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

std::optional<AdapterDtype> ToAdapterDtype(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return AdapterDtype::kF32;
    case Dtype::kF16:
      return AdapterDtype::kF16;
    case Dtype::kBF16:
      return AdapterDtype::kBF16;
    case Dtype::kF64:
      return AdapterDtype::kF64;
    default:
      return std::nullopt;
  }
}

// Collects the modules of one adapter; see BuildPeftSpec.
class SpecBuilder {
 public:
  SpecBuilder(const SafetensorsHeader& header, const PeftConfig& config,
              const BaseModelSpec& base, const ModuleMatcher& matcher)
      : header_(header), config_(config), base_(base), matcher_(matcher) {}

  absl::Status Resolve(std::vector<WeightPair> pairs, bool skip_untargeted);
  absl::Status CheckDtypes();
  absl::Status AddModules();
  AdapterSpec Finish() &&;

 private:
  struct ResolvedPair {
    WeightPair pair;
    int32_t module_index;
  };

  absl::Status CheckShapes(const ResolvedPair& resolved) const;
  absl::StatusOr<float> ScalingOf(const WeightPair& pair) const;
  void WarnAboutConfig();

  const SafetensorsHeader& header_;
  const PeftConfig& config_;
  const BaseModelSpec& base_;
  const ModuleMatcher& matcher_;
  std::vector<ResolvedPair> resolved_;
  AdapterSpec spec_;
};

absl::Status SpecBuilder::Resolve(std::vector<WeightPair> pairs,
                                  bool skip_untargeted) {
  std::vector<std::string> missing;
  std::vector<std::string> not_linear;
  std::vector<std::string> untargeted;
  for (WeightPair& pair : pairs) {
    const std::optional<int32_t> index = base_.FindModule(pair.path);
    if (!index.has_value()) {
      missing.push_back(pair.path);
    } else if (base_.modules[*index].type != ModuleType::kLinear) {
      not_linear.push_back(pair.path);
    } else if (!matcher_.IsTargeted(base_.modules[*index])) {
      untargeted.push_back(pair.path);
    } else {
      resolved_.push_back({std::move(pair), *index});
    }
  }
  if (!missing.empty()) {
    return Mismatch(ErrorReason::kModuleNotFound,
                    absl::StrCat("the base model \"", base_.name,
                                 "\" has no module ", Listed(missing),
                                 "; was the adapter trained on another base?"));
  }
  if (!not_linear.empty()) {
    return Mismatch(ErrorReason::kModuleType,
                    absl::StrCat("the file adapts ", Listed(not_linear),
                                 ", but only linear layers can be adapted"));
  }
  if (untargeted.empty()) return absl::OkStatus();
  const std::string message =
      absl::StrCat("the file holds weights of ", Listed(untargeted), ", which ",
                   kPeftConfigFile, " does not target");
  if (!skip_untargeted) {
    return Invalid(ErrorReason::kUntargeted,
                   absl::StrCat(message,
                                "; correct target_modules, or load with "
                                "skip_untargeted to leave them out"));
  }
  spec_.warnings.push_back(absl::StrCat(message, ": left out"));
  if (!resolved_.empty()) return absl::OkStatus();
  return Invalid(ErrorReason::kEmpty, "no tensor of the file is targeted");
}

absl::Status SpecBuilder::CheckDtypes() {
  std::optional<Dtype> first;
  for (const ResolvedPair& resolved : resolved_) {
    for (const TensorInfo* tensor : {resolved.pair.a, resolved.pair.b}) {
      const std::string what = absl::StrCat("tensor \"", tensor->name, "\" is ",
                                            DtypeName(tensor->dtype));
      if (ClassOf(tensor->dtype) == DtypeClass::kSmallFloat) {
        return Error(absl::StatusCode::kUnimplemented, ErrorReason::kStDtype,
                     absl::StrCat(what,
                                  ", which is not implemented; save the "
                                  "adapter as BF16, F16 or F32"));
      }
      const auto dtype = ToAdapterDtype(tensor->dtype);
      if (!dtype.has_value()) {
        return Invalid(ErrorReason::kStDtype,
                       absl::StrCat(what, "; expected F32, F16, BF16 or F64"));
      }
      if (first.value_or(tensor->dtype) != tensor->dtype) {
        return Error(absl::StatusCode::kUnimplemented, ErrorReason::kStDtype,
                     absl::StrCat(what, " while others are ", DtypeName(*first),
                                  "; save all tensors in one type"));
      }
      first = tensor->dtype;
      spec_.dtype = *dtype;
    }
  }
  if (first == Dtype::kF64 || first == Dtype::kF16) {
    spec_.warnings.push_back(
        absl::StrCat("the weights are ", DtypeName(*first),
                     " and are converted to the base model's type"));
  }
  return absl::OkStatus();
}

absl::Status SpecBuilder::CheckShapes(const ResolvedPair& resolved) const {
  const TensorInfo& a = *resolved.pair.a;
  const TensorInfo& b = *resolved.pair.b;
  const BaseModule& module = base_.modules[resolved.module_index];
  const std::string shapes =
      absl::StrCat("module \"", module.path, "\" has A ", ShapeText(a.shape),
                   " and B ", ShapeText(b.shape));
  if (a.shape.size() != 2 || b.shape.size() != 2 || a.shape[0] != b.shape[1] ||
      a.shape[0] < 1) {
    return Invalid(ErrorReason::kShapePair,
                   absl::StrCat(shapes, "; expected [r, in] and [out, r]"));
  }
  if (a.shape[1] != module.in_features || b.shape[0] != module.out_features) {
    return Mismatch(
        ErrorReason::kShapeBase,
        absl::StrCat(shapes, "; the base has in ", module.in_features,
                     " and out ", module.out_features,
                     ": was the adapter trained on another base?"));
  }
  const int32_t rank = matcher_.RankOf(module.path);
  if (a.shape[0] != rank) {
    return Invalid(
        ErrorReason::kRankMismatch,
        absl::StrCat(shapes, ", rank ", a.shape[0], ", but ", kPeftConfigFile,
                     " says rank ", rank, "; correct r or rank_pattern"));
  }
  return absl::OkStatus();
}

// alpha / rank (Hu et al. 2021, arXiv:2106.09685, section 4.1), or with rsLoRA
// alpha / sqrt(rank) (Kalajdzievski 2023, arXiv:2312.03732).
absl::StatusOr<float> SpecBuilder::ScalingOf(const WeightPair& pair) const {
  const auto rank = static_cast<double>(pair.a->shape[0]);
  const double divisor = config_.use_rslora ? std::sqrt(rank) : rank;
  const auto scaling =
      static_cast<float>(matcher_.AlphaOf(pair.path) / divisor);
  if (std::isfinite(scaling)) return scaling;
  return Invalid(ErrorReason::kAlpha,
                 absl::StrCat(kPeftConfigFile, ": alpha of \"", pair.path,
                              "\" is too large"));
}

absl::Status SpecBuilder::AddModules() {
  std::set<std::string> targets;
  for (const ResolvedPair& resolved : resolved_) {
    LORA_RETURN_IF_ERROR(CheckShapes(resolved));
    LORA_ASSIGN_OR_RETURN(const float scaling, ScalingOf(resolved.pair));
    AdaptedModule module;
    module.module_index = resolved.module_index;
    module.rank = static_cast<int32_t>(resolved.pair.a->shape[0]);
    module.scaling = scaling;
    module.a_offset = header_.data_offset() + resolved.pair.a->begin;
    module.b_offset = header_.data_offset() + resolved.pair.b->begin;
    spec_.max_rank = std::max(spec_.max_rank, module.rank);
    spec_.modules.push_back(module);
    targets.emplace(LastComponent(resolved.pair.path));
  }
  std::sort(spec_.modules.begin(), spec_.modules.end(),
            [](const AdaptedModule& x, const AdaptedModule& y) {
              return x.module_index < y.module_index;
            });
  spec_.target_modules.assign(targets.begin(), targets.end());
  return absl::OkStatus();
}

void SpecBuilder::WarnAboutConfig() {
  std::set<absl::string_view> adapted;
  for (const ResolvedPair& resolved : resolved_) {
    adapted.insert(resolved.pair.path);
  }
  std::vector<std::string> without_tensors;
  for (const BaseModule& module : base_.modules) {
    if (module.type == ModuleType::kLinear && !adapted.contains(module.path) &&
        matcher_.IsTargeted(module)) {
      without_tensors.push_back(module.path);
    }
  }
  if (!without_tensors.empty()) {
    spec_.warnings.push_back(
        absl::StrCat("targeted modules without tensors stay as in the base: ",
                     Listed(without_tensors)));
  }
  const std::vector<std::string> unused =
      matcher_.UnusedPatterns({adapted.begin(), adapted.end()});
  if (!unused.empty()) {
    spec_.warnings.push_back(
        absl::StrCat(kPeftConfigFile,
                     ": patterns that apply to no module: ", Listed(unused)));
  }
  for (const auto& [key, value] : header_.metadata()) {
    if (key == "format") continue;
    spec_.warnings.push_back("the metadata in the weights file is ignored");
    break;
  }
}

AdapterSpec SpecBuilder::Finish() && {
  spec_.warnings.insert(spec_.warnings.begin(), config_.warnings.begin(),
                        config_.warnings.end());
  WarnAboutConfig();
  return std::move(spec_);
}

}  // namespace

absl::StatusOr<AdapterSpec> BuildPeftSpec(const SafetensorsHeader& header,
                                          const PeftConfig& config,
                                          const ModuleMatcher& matcher,
                                          const BaseModelSpec& base,
                                          const AdapterLoadOptions& options) {
  SpecBuilder builder(header, config, base, matcher);
  LORA_ASSIGN_OR_RETURN(std::vector<WeightPair> pairs,
                        PairWeights(header.tensors(), base));
  LORA_RETURN_IF_ERROR(
      builder.Resolve(std::move(pairs), options.skip_untargeted));
  LORA_RETURN_IF_ERROR(builder.CheckDtypes());
  LORA_RETURN_IF_ERROR(builder.AddModules());
  return std::move(builder).Finish();
}

}  // namespace lora
