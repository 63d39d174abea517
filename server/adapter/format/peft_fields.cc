// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_fields.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "server/adapter/format/file_content.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

// The JSON types that a field may have, besides null.
enum FieldType : uint16_t {
  kAny = 1 << 0,
  kBool = 1 << 1,
  kInteger = 1 << 2,
  kNumber = 1 << 3,
  kString = 1 << 4,
  kObject = 1 << 5,
  kStrings = 1 << 6,   // A list of strings.
  kIntegers = 1 << 7,  // A list of integers.
};

struct Field {
  absl::string_view name;
  uint16_t types;
};

constexpr Field kFields[] = {
    {"alora_invocation_tokens", kIntegers},
    {"alpha_pattern", kObject},
    {"arrow_config", kObject},
    {"auto_mapping", kObject},
    {"base_model_name_or_path", kString},
    {"bias", kString},
    {"corda_config", kObject},
    {"ensure_weight_tying", kBool},
    {"eva_config", kObject},
    {"exclude_modules", kString | kStrings},
    {"fan_in_fan_out", kBool},
    {"inference_mode", kBool},
    {"init_lora_weights", kBool | kString},
    {"invocation_string", kString},
    {"kasa_config", kObject},
    {"layer_replication", kAny},
    {"layers_pattern", kString | kStrings},
    {"layers_to_transform", kInteger | kIntegers},
    {"loftq_config", kObject},
    {"lora_alpha", kAny},
    {"lora_bias", kBool},
    {"lora_dropout", kNumber},
    {"lora_ga_config", kObject},
    {"megatron_config", kObject},
    {"megatron_core", kString},
    {"modules_to_save", kStrings},
    {"monteclora_config", kObject},
    {"peft_type", kString},
    {"peft_version", kString},
    {"qalora_group_size", kInteger},
    {"r", kAny},
    {"rank_pattern", kObject},
    {"revision", kString},
    {"runtime_config", kObject},
    {"target_modules", kString | kStrings},
    {"target_parameters", kStrings},
    {"task_type", kString},
    {"trainable_token_indices", kIntegers | kObject},
    {"use_bdlora", kBool | kObject},
    {"use_dora", kBool},
    {"use_qalora", kBool},
    {"use_rslora", kBool},
    {"velora_config", kObject},
};

constexpr struct {
  FieldType type;
  absl::string_view text;
} kTypeTexts[] = {
    {kBool, "true or false"},
    {kInteger, "an integer"},
    {kNumber, "a number"},
    {kString, "a string"},
    {kObject, "an object"},
    {kStrings, "a list of strings"},
    {kIntegers, "a list of integers"},
};

bool IsListOf(const Json& value, bool (Json::*is_type)() const noexcept) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(),
                     [is_type](const Json& item) { return (item.*is_type)(); });
}

bool HasType(const Json& value, uint16_t types) {
  if (value.is_null() || (types & kAny) != 0) return true;
  return ((types & kBool) != 0 && value.is_boolean()) ||
         ((types & kInteger) != 0 && value.is_number_integer()) ||
         ((types & kNumber) != 0 && value.is_number()) ||
         ((types & kString) != 0 && value.is_string()) ||
         ((types & kObject) != 0 && value.is_object()) ||
         ((types & kStrings) != 0 && IsListOf(value, &Json::is_string)) ||
         ((types & kIntegers) != 0 &&
          IsListOf(value, &Json::is_number_integer));
}

std::string TypesText(uint16_t types) {
  std::vector<absl::string_view> texts;
  for (const auto& [type, text] : kTypeTexts) {
    if ((types & type) != 0) texts.push_back(text);
  }
  return absl::StrJoin(texts, " or ");
}

// Python writes NaN and Infinity, which are not JSON.
bool HoldsPythonAlpha(absl::string_view text) {
  static const RE2& pattern = *new RE2(
      R"("lora_alpha"\s*:\s*(NaN|-?Infinity|-?\d+(\.\d+)?[eE]\+?\d{3,}))");
  return RE2::PartialMatch({text.data(), text.size()}, pattern);
}

}  // namespace

absl::Status ConfigError(ErrorReason reason, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason,
               absl::StrCat(kPeftConfigFile, ": ", message));
}

absl::StatusOr<Json> ParsePeftObject(absl::string_view text) {
  absl::StatusOr<Json> config = ParseJson(text);
  if (!config.ok()) {
    if (IsLfsPointer(text)) {
      return ConfigError(ErrorReason::kLfsPointer,
                         "is a Git LFS pointer, not the config; run \"git lfs "
                         "pull\" where it was cloned");
    }
    if (HoldsPythonAlpha(text)) {
      return ConfigError(ErrorReason::kAlpha,
                         "lora_alpha is not a finite number");
    }
    return ConfigError(ErrorReason::kConfigSyntax, config.status().message());
  }
  if (!config->is_object()) {
    return ConfigError(
        ErrorReason::kConfigSyntax,
        absl::StrCat("holds a JSON ", config->type_name(), ", not an object"));
  }
  const Json* type = FindField(*config, "peft_type");
  if (type == nullptr || !type->is_string()) {
    return ConfigError(ErrorReason::kConfigField,
                       "peft_type must be a string, such as \"LORA\"");
  }
  const auto& name = type->get_ref<const std::string&>();
  if (name != "LORA") {
    return Error(
        absl::StatusCode::kUnimplemented, ErrorReason::kPeftType,
        absl::StrCat(kPeftConfigFile, ": peft_type is \"", name.substr(0, 64),
                     "\"; only \"LORA\" is served"));
  }
  return config;
}

absl::StatusOr<std::vector<std::string>> CheckFieldTypes(const Json& config) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : config.items()) {
    const auto* field =
        std::find_if(std::begin(kFields), std::end(kFields),
                     [&name = name](const Field& f) { return f.name == name; });
    if (field == std::end(kFields)) {
      unknown.push_back(name);
    } else if (!HasType(value, field->types)) {
      return ConfigError(ErrorReason::kConfigField,
                         absl::StrCat(name, " is of type ", value.type_name(),
                                      "; expected ", TypesText(field->types)));
    }
  }
  return unknown;
}

std::string Shortened(const std::string& text) {
  constexpr size_t kMaxBytes = 256;
  if (text.size() <= kMaxBytes) return text;
  size_t end = kMaxBytes;  // Backwards to where a character of UTF-8 starts.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  return absl::StrCat(text.substr(0, end), "...");
}

std::string Listed(const std::vector<std::string>& names) {
  constexpr size_t kMaxNames = 10;
  const auto shown = absl::MakeConstSpan(names).subspan(0, kMaxNames);
  std::string text =
      absl::StrJoin(shown, ", ", [](std::string* out, const std::string& name) {
        out->append(Shortened(name));
      });
  if (names.size() > shown.size()) {
    absl::StrAppend(&text, " and ", names.size() - shown.size(), " more");
  }
  return text;
}

const Json* FindField(const Json& config, absl::string_view name) {
  const auto it = config.find(std::string(name));
  return it == config.end() || it->is_null() ? nullptr : &*it;
}

bool BoolField(const Json& config, absl::string_view name) {
  const Json* value = FindField(config, name);
  return value != nullptr && value->get<bool>();
}

std::string StringField(const Json& config, absl::string_view name) {
  const Json* value = FindField(config, name);
  return value == nullptr ? "" : value->get<std::string>();
}

std::vector<std::string> StringListField(const Json& config,
                                         absl::string_view name) {
  const Json* value = FindField(config, name);
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get<std::string>()};
  return value->get<std::vector<std::string>>();
}

bool IsSet(const Json& config, absl::string_view name) {
  const Json* value = FindField(config, name);
  if (value == nullptr) return false;
  if (value->is_boolean()) return value->get<bool>();
  if (value->is_string()) return !value->get_ref<const std::string&>().empty();
  return !value->is_structured() || !value->empty();
}

}  // namespace lora
