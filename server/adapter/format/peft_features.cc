// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_features.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/adapter/format/peft_fields.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

// Fields that, when set, change the forward pass in a way of their own.
constexpr struct {
  absl::string_view field;
  absl::string_view meaning;
} kFeatures[] = {
    {"use_dora", "DoRA"},
    {"alora_invocation_tokens", "aLoRA"},
    {"invocation_string", "aLoRA"},
    {"lora_bias", "a bias of lora_B"},
    {"trainable_token_indices", "replaced embedding rows"},
    {"target_parameters", "LoRA on bare parameters"},
    {"layer_replication", "repeated layers"},
    {"ensure_weight_tying", "LoRA on tied embeddings"},
    {"use_qalora", "QA-LoRA"},
    {"use_bdlora", "block-diagonal LoRA"},
};

// The same, where even an empty object switches the feature on.
constexpr struct {
  absl::string_view field;
  absl::string_view meaning;
} kFeatureObjects[] = {
    {"megatron_config", "Megatron parallel layers"},
    {"arrow_config", "Arrow routing"},
    {"use_bdlora", "block-diagonal LoRA"},
};

constexpr absl::string_view kPlainInits[] = {"gaussian", "eva", "orthogonal",
                                             "mica"};
constexpr absl::string_view kMutatingInits[] = {"pissa", "olora", "corda",
                                                "loftq", "lora_ga"};
constexpr absl::string_view kAnyCaseInits[] = {"gaussian", "olora", "mica"};

absl::Status Unimplemented(absl::string_view field, absl::string_view meaning) {
  return Error(absl::StatusCode::kUnimplemented, ErrorReason::kFeature,
               absl::StrCat(kPeftConfigFile, ": ", field, " (", meaning,
                            ") is not implemented; train without it or merge "
                            "the adapter into its base"));
}

absl::Status BaseMutated(absl::string_view what) {
  return Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kBaseMutated,
               absl::StrCat(kPeftConfigFile, ": ", what,
                            " changed the base model before training, so the "
                            "adapter does not fit the plain one; save it "
                            "again with "
                            "path_initial_model_for_weight_conversion"));
}

template <size_t N>
bool Contains(const absl::string_view (&names)[N], absl::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

absl::Status CheckInit(const Json& config) {
  if (FindField(config, "kasa_config") != nullptr) {
    return BaseMutated("kasa_config");
  }
  const Json* init = FindField(config, "init_lora_weights");
  if (init == nullptr || !init->is_string()) return absl::OkStatus();
  const auto& text = init->get_ref<const std::string&>();
  // PEFT reads these three, and no others, in any case.
  const std::string lower = absl::AsciiStrToLower(text);
  const std::string& name = Contains(kAnyCaseInits, lower) ? lower : text;
  if (Contains(kPlainInits, name)) return absl::OkStatus();
  if (Contains(kMutatingInits, name) ||
      absl::StartsWith(name, "pissa_niter_")) {
    return BaseMutated(absl::StrCat("init_lora_weights \"", name, "\""));
  }
  return ConfigError(ErrorReason::kConfigField,
                     absl::StrCat("init_lora_weights is \"", name.substr(0, 64),
                                  "\", which PEFT does not know"));
}

absl::Status CheckTokenIds(absl::string_view field, const Json& ids,
                           int64_t vocab_size) {
  for (const Json& id : ids) {
    if (!id.is_number_integer() || id < 0 || id >= vocab_size) {
      return ConfigError(
          ErrorReason::kTokens,
          absl::StrCat(field, " holds ", id.dump(-1, ' ', true).substr(0, 64),
                       "; the base model's token ids are 0 to ",
                       vocab_size - 1));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTokens(const Json& config, int64_t vocab_size) {
  if (const Json* ids = FindField(config, "alora_invocation_tokens")) {
    if (ids->empty()) {
      return ConfigError(ErrorReason::kTokens,
                         "alora_invocation_tokens is empty");
    }
    LORA_RETURN_IF_ERROR(
        CheckTokenIds("alora_invocation_tokens", *ids, vocab_size));
  }
  if (const Json* indices = FindField(config, "trainable_token_indices")) {
    if (indices->is_array()) {
      return CheckTokenIds("trainable_token_indices", *indices, vocab_size);
    }
    for (const auto& [module, ids] : indices->items()) {
      LORA_RETURN_IF_ERROR(
          CheckTokenIds("trainable_token_indices", ids, vocab_size));
    }
  }
  return absl::OkStatus();
}

// Whether `name` ends a module's path, or that of one of its parents: PEFT
// looks for no dot before it.
bool NamesModuleOf(const BaseModelSpec& base, absl::string_view name) {
  for (const BaseModule& module : base.modules) {
    absl::string_view path = module.path;
    while (true) {
      if (absl::EndsWith(path, name)) return true;
      const size_t dot = path.rfind('.');
      if (dot == absl::string_view::npos) break;
      path = path.substr(0, dot);
    }
  }
  return false;
}

absl::Status CheckSavedModules(const Json& config, const BaseModelSpec& base) {
  for (const std::string& name : StringListField(config, "modules_to_save")) {
    if (NamesModuleOf(base, name)) {
      return Unimplemented(absl::StrCat("modules_to_save \"", name, "\""),
                           "a replaced module");
    }
  }
  const std::string task = StringField(config, "task_type");
  if (task == "SEQ_CLS" || task == "TOKEN_CLS") {
    return Error(absl::StatusCode::kFailedPrecondition,
                 ErrorReason::kSavedModule,
                 absl::StrCat(kPeftConfigFile, ": task_type ", task,
                              " needs a base model with a classifier or score "
                              "head, which \"",
                              base.name, "\" does not have"));
  }
  return absl::OkStatus();
}

absl::Status CheckBias(const Json& config) {
  if (FindField(config, "bias") == nullptr) return absl::OkStatus();
  const std::string bias = StringField(config, "bias");
  if (bias == "none") return absl::OkStatus();
  if (bias == "all" || bias == "lora_only") {
    return Unimplemented(absl::StrCat("bias \"", bias, "\""),
                         "replaced biases of the base");
  }
  return ConfigError(ErrorReason::kConfigField,
                     absl::StrCat("bias is \"", bias.substr(0, 64),
                                  "\"; expected none, all or lora_only"));
}

}  // namespace

absl::Status CheckPeftFeatures(const Json& config, const BaseModelSpec& base) {
  LORA_RETURN_IF_ERROR(CheckInit(config));
  LORA_RETURN_IF_ERROR(CheckTokens(config, base.vocab_size));
  for (const auto& [field, meaning] : kFeatures) {
    if (IsSet(config, field)) return Unimplemented(field, meaning);
  }
  for (const auto& [field, meaning] : kFeatureObjects) {
    const Json* value = FindField(config, field);
    if (value != nullptr && value->is_object()) {
      return Unimplemented(field, meaning);
    }
  }
  LORA_RETURN_IF_ERROR(CheckBias(config));
  return CheckSavedModules(config, base);
}

}  // namespace lora
