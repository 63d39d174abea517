// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_config.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/adapter/format/peft_features.h"
#include "server/adapter/format/peft_fields.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr absl::string_view kTaskTypes[] = {
    "SEQ_CLS",   "SEQ_2_SEQ_LM", "CAUSAL_LM",
    "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION"};

std::string Excerpt(const Json& value) {
  return value.dump(-1, ' ', true).substr(0, 64);
}

absl::StatusOr<int32_t> ParseRank(absl::string_view name, const Json& value,
                                  int32_t max_rank) {
  // The two kinds of integer are compared apart: one above 2^63 turns negative
  // when it is compared as the other.
  const bool is_count =
      value.is_number_unsigned()
          ? value.get<uint64_t>() >= 1
          : value.is_number_integer() && value.get<int64_t>() >= 1;
  if (!is_count) {
    return ConfigError(ErrorReason::kRank,
                       absl::StrCat(name, " is ", Excerpt(value),
                                    "; expected an integer of at least 1"));
  }
  if (value.get<uint64_t>() > static_cast<uint64_t>(max_rank)) {
    return Error(absl::StatusCode::kResourceExhausted, ErrorReason::kRank,
                 absl::StrCat(kPeftConfigFile, ": ", name, " is ",
                              Excerpt(value), "; the limit is ", max_rank));
  }
  return value.get<int32_t>();
}

absl::StatusOr<double> ParseAlpha(absl::string_view name, const Json& value) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    return ConfigError(ErrorReason::kAlpha,
                       absl::StrCat(name, " is ", Excerpt(value),
                                    "; expected a finite number"));
  }
  return value.get<double>();
}

// PEFT's default, 8, stands also where lora_alpha is absent, so that an alpha
// from elsewhere would contradict what the adapter was trained with.
absl::Status CheckAlphaOption(const AdapterLoadOptions& options) {
  if (!options.alpha.has_value()) return absl::OkStatus();
  return ConfigError(
      ErrorReason::kConfigConflict,
      absl::StrCat("options.alpha is ", *options.alpha,
                   ", but this file decides alpha (lora_alpha, or else 8); "
                   "leave options.alpha unset: it is for weights that come "
                   "without a config"));
}

absl::Status ParseRanksAndAlphas(const Json& json, int32_t max_rank,
                                 PeftConfig& config) {
  if (const auto r = json.find("r"); r != json.end()) {
    LORA_ASSIGN_OR_RETURN(config.rank, ParseRank("r", *r, max_rank));
  }
  if (const auto alpha = json.find("lora_alpha"); alpha != json.end()) {
    LORA_ASSIGN_OR_RETURN(config.alpha, ParseAlpha("lora_alpha", *alpha));
  }
  if (const Json* pattern = FindField(json, "rank_pattern")) {
    for (const auto& [key, value] : pattern->items()) {
      LORA_ASSIGN_OR_RETURN(
          const int32_t rank,
          ParseRank(absl::StrCat("rank_pattern[\"", key, "\"]"), value,
                    max_rank));
      config.rank_pattern.emplace_back(key, rank);
    }
  }
  if (const Json* pattern = FindField(json, "alpha_pattern")) {
    for (const auto& [key, value] : pattern->items()) {
      LORA_ASSIGN_OR_RETURN(
          const double alpha,
          ParseAlpha(absl::StrCat("alpha_pattern[\"", key, "\"]"), value));
      config.alpha_pattern.emplace_back(key, alpha);
    }
  }
  config.use_rslora = BoolField(json, "use_rslora");
  return absl::OkStatus();
}

ModuleNames ParseModuleNames(const Json& json, absl::string_view name) {
  ModuleNames names;
  const Json* value = FindField(json, name);
  if (value != nullptr && value->is_string()) {
    names.regex = value->get<std::string>();
  } else {
    names.list = StringListField(json, name);
  }
  return names;
}

void ParseTargets(const Json& json, PeftConfig& config) {
  config.target_modules = ParseModuleNames(json, "target_modules");
  config.default_targets = FindField(json, "target_modules") == nullptr;
  config.exclude_modules = ParseModuleNames(json, "exclude_modules");
  // An empty expression excludes nothing.
  if (config.exclude_modules.regex == "") config.exclude_modules.regex.reset();
  config.modules_to_save = StringListField(json, "modules_to_save");
  config.layers_pattern = StringListField(json, "layers_pattern");
  if (config.layers_pattern == std::vector<std::string>{""}) {
    config.layers_pattern.clear();
  }
  if (const Json* layers = FindField(json, "layers_to_transform")) {
    config.layers_to_transform =
        layers->is_array() ? layers->get<std::vector<int64_t>>()
                           : std::vector<int64_t>{layers->get<int64_t>()};
  }
}

// What PEFT itself refuses to build.
absl::Status CheckConflicts(const Json& json, const PeftConfig& config) {
  const auto conflict = [](absl::string_view message) {
    return ConfigError(ErrorReason::kConfigConflict, message);
  };
  const Json* layers = FindField(json, "layers_to_transform");
  if (config.target_modules.regex.has_value() &&
      (layers != nullptr || FindField(json, "layers_pattern") != nullptr)) {
    return conflict(
        "target_modules is an expression, which leaves no place for "
        "layers_to_transform and layers_pattern; name the layers in it");
  }
  // An empty layers_to_transform is one: it filters nothing.
  if (!config.layers_pattern.empty() && layers == nullptr) {
    return conflict("layers_pattern is given without layers_to_transform");
  }
  if (IsSet(json, "use_dora") && IsSet(json, "lora_bias")) {
    return conflict("use_dora and lora_bias exclude each other");
  }
  if (IsSet(json, "use_dora") && FindField(json, "megatron_config")) {
    return conflict("use_dora and megatron_config exclude each other");
  }
  const Json* init = FindField(json, "init_lora_weights");
  if (IsSet(json, "lora_bias") && init != nullptr && init->is_string()) {
    return conflict(
        absl::StrCat("lora_bias excludes init_lora_weights ", Excerpt(*init)));
  }
  return absl::OkStatus();
}

absl::Status CheckScalars(const Json& json, const PeftConfig& config) {
  if (!config.task_type.empty() &&
      std::find(std::begin(kTaskTypes), std::end(kTaskTypes),
                config.task_type) == std::end(kTaskTypes)) {
    return ConfigError(
        ErrorReason::kConfigField,
        absl::StrCat("task_type is \"", config.task_type.substr(0, 64),
                     "\", which PEFT does not know"));
  }
  if (const Json* dropout = FindField(json, "lora_dropout")) {
    const auto p = dropout->get<double>();
    if (!(p >= 0.0 && p <= 1.0)) {
      return ConfigError(
          ErrorReason::kConfigField,
          absl::StrCat("lora_dropout is ", p, "; expected 0 to 1"));
    }
  }
  return absl::OkStatus();
}

absl::string_view LastPart(absl::string_view path) {
  absl::ConsumeSuffix(&path, "/");
  return path.substr(path.rfind('/') + 1);
}

// Only the last part counts: folders differ between machines.
absl::Status CheckBaseName(const Json& json, const BaseModelSpec& base,
                           bool strict, PeftConfig& config) {
  const std::string name = StringField(json, "base_model_name_or_path");
  if (name.empty() || LastPart(name) == LastPart(base.name)) {
    return absl::OkStatus();
  }
  const std::string message = absl::StrCat(
      kPeftConfigFile, ": base_model_name_or_path is \"", Shortened(name),
      "\", but the server runs \"", base.name, "\"");
  if (strict) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 ErrorReason::kBaseMismatch, message);
  }
  config.warnings.push_back(message);
  return absl::OkStatus();
}

void AddWarnings(const Json& json, PeftConfig& config) {
  const auto warn = [&config](absl::string_view message) {
    config.warnings.push_back(absl::StrCat(kPeftConfigFile, ": ", message));
  };
  if (const Json* dropout = FindField(json, "lora_dropout");
      dropout != nullptr && dropout->get<double>() > 0.0) {
    warn("lora_dropout is for training only and is not applied");
  }
  if (BoolField(json, "fan_in_fan_out")) {
    warn("fan_in_fan_out is taken from the base model: false");
  }
  if (FindField(json, "runtime_config") != nullptr) {
    warn("runtime_config is ignored");
  }
}

}  // namespace

absl::StatusOr<PeftConfig> ParsePeftConfig(absl::string_view text,
                                           const BaseModelSpec& base,
                                           const AdapterLoadOptions& options,
                                           int32_t max_rank) {
  LORA_ASSIGN_OR_RETURN(const Json json, ParsePeftObject(text));
  LORA_ASSIGN_OR_RETURN(const std::vector<std::string> unknown,
                        CheckFieldTypes(json));
  LORA_RETURN_IF_ERROR(CheckAlphaOption(options));
  PeftConfig config;
  LORA_RETURN_IF_ERROR(ParseRanksAndAlphas(json, max_rank, config));
  ParseTargets(json, config);
  config.task_type = StringField(json, "task_type");
  LORA_RETURN_IF_ERROR(CheckScalars(json, config));
  LORA_RETURN_IF_ERROR(CheckConflicts(json, config));
  LORA_RETURN_IF_ERROR(CheckPeftFeatures(json, base));
  LORA_RETURN_IF_ERROR(CheckBaseName(json, base, options.strict_base, config));
  if (!unknown.empty()) {
    config.warnings.push_back(absl::StrCat(
        kPeftConfigFile, ": unknown fields are ignored: ", Listed(unknown)));
  }
  AddWarnings(json, config);
  return config;
}

}  // namespace lora
