// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/tokenizer_config.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/spec_reader.h"

namespace lora {
namespace {

constexpr int64_t kMaxConfigBytes = int64_t{16} << 20;
constexpr absl::string_view kSpecialTokenNames[] = {
    "bos_token", "eos_token", "unk_token", "sep_token",
    "pad_token", "cls_token", "mask_token"};

// The text of a file; nullopt where there is none.
absl::StatusOr<std::optional<std::string>> ReadIfExists(
    const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxConfigBytes);
  if (text.ok()) return *std::move(text);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  return text.status();
}

absl::StatusOr<Json> ReadJsonIfExists(const std::string& path) {
  LORA_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                        ReadIfExists(path));
  if (!text.has_value()) return Json::object();
  absl::StatusOr<Json> json =
      ParseJson(*text, {.max_bytes = static_cast<size_t>(kMaxConfigBytes)});
  if (!json.ok()) return Annotate(json.status(), path);
  return json;
}

// A token as configs write it: a string, or an object with flags.
absl::StatusOr<AddedToken> ReadSpecialToken(const Json& value) {
  AddedToken token;
  if (value.is_string()) {
    token.content = value.get<std::string>();
  } else {
    LORA_ASSIGN_OR_RETURN(token, AddedToken::Parse(value));
  }
  token.special = true;
  return token;
}

}  // namespace

absl::StatusOr<TokenizerConfig> TokenizerConfig::Load(
    const std::string& directory) {
  TokenizerConfig config;
  const std::string path = absl::StrCat(directory, "/tokenizer_config.json");
  LORA_ASSIGN_OR_RETURN(Json json, ReadJsonIfExists(path));
  if (json.is_object() && !json.contains("added_tokens_decoder")) {
    const std::string map_path =
        absl::StrCat(directory, "/special_tokens_map.json");
    LORA_ASSIGN_OR_RETURN(const Json map, ReadJsonIfExists(map_path));
    if (map.is_object()) json.update(map);
  }
  if (const absl::Status status = config.ReadConfig(json); !status.ok()) {
    return Annotate(status, path);
  }
  LORA_RETURN_IF_ERROR(config.ReadChatTemplateFiles(directory));
  return config;
}

absl::Status TokenizerConfig::ReadConfig(const Json& config) {
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(config, "the configuration"));
  LORA_RETURN_IF_ERROR(ReadOverridingTokens(reader));
  LORA_RETURN_IF_ERROR(ReadSpecialTokens(reader));
  if (const Json* value = reader.Find("chat_template")) {
    return ReadChatTemplate(*value);
  }
  return absl::OkStatus();
}

absl::Status TokenizerConfig::ReadOverridingTokens(const SpecReader& reader) {
  if (reader.Find("added_tokens_decoder") == nullptr) return absl::OkStatus();
  LORA_ASSIGN_OR_RETURN(const Json* tokens,
                        reader.Object("added_tokens_decoder"));
  for (const auto& [key, value] : tokens->items()) {
    LORA_ASSIGN_OR_RETURN(AddedToken token, AddedToken::Parse(value));
    int32_t id = 0;
    if (!absl::SimpleAtoi(key, &id) || !AsTokenId(Json(id)).has_value()) {
      return reader.FieldError("added_tokens_decoder", "token ids as keys");
    }
    token.id = id;
    overriding_tokens.push_back(std::move(token));
  }
  return absl::OkStatus();
}

absl::Status TokenizerConfig::ReadSpecialTokens(const SpecReader& reader) {
  for (const absl::string_view name : kSpecialTokenNames) {
    const Json* value = reader.Find(name);
    if (value == nullptr) continue;
    LORA_ASSIGN_OR_RETURN(AddedToken token, ReadSpecialToken(*value));
    special_tokens.emplace_back(name, token.content);
    extra_tokens.push_back(std::move(token));
  }
  for (const absl::string_view name :
       {"extra_special_tokens", "additional_special_tokens"}) {
    const Json* list = reader.Find(name);
    if (list != nullptr) LORA_RETURN_IF_ERROR(ReadExtraTokens(*list));
  }
  return absl::OkStatus();
}

// A list of tokens, or an object that names them.
absl::Status TokenizerConfig::ReadExtraTokens(const Json& list) {
  if (!list.is_array() && !list.is_object()) return absl::OkStatus();
  for (const Json& value : list) {
    LORA_ASSIGN_OR_RETURN(AddedToken token, ReadSpecialToken(value));
    extra_tokens.push_back(std::move(token));
  }
  return absl::OkStatus();
}

// A string, or a list of {"name", "template"} of which "default" and "tool_use"
// count.
absl::Status TokenizerConfig::ReadChatTemplate(const Json& value) {
  if (value.is_string()) {
    chat_template = value.get<std::string>();
    return absl::OkStatus();
  }
  if (!value.is_array()) {
    return Error(
        absl::StatusCode::kInvalidArgument, ErrorReason::kBase,
        absl::StrCat("\"chat_template\" is of type ", value.type_name(),
                     "; a string or a list was expected"));
  }
  for (const Json& entry : value) {
    LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                          SpecReader::Open(entry, "a chat template"));
    LORA_ASSIGN_OR_RETURN(const std::string name, reader.String("name"));
    LORA_ASSIGN_OR_RETURN(std::string source, reader.String("template"));
    if (name == "default") {
      chat_template = std::move(source);
    } else if (name == "tool_use") {
      tool_use_template = std::move(source);
    }
  }
  return absl::OkStatus();
}

// Where there is a file of a template, none of tokenizer_config.json counts.
absl::Status TokenizerConfig::ReadChatTemplateFiles(
    const std::string& directory) {
  LORA_ASSIGN_OR_RETURN(
      std::optional<std::string> main,
      ReadIfExists(absl::StrCat(directory, "/chat_template.jinja")));
  LORA_ASSIGN_OR_RETURN(
      std::optional<std::string> tool_use,
      ReadIfExists(absl::StrCat(directory,
                                "/additional_chat_templates/tool_use.jinja")));
  if (!main.has_value() && !tool_use.has_value()) return absl::OkStatus();
  chat_template = std::move(main);
  tool_use_template = std::move(tool_use);
  return absl::OkStatus();
}

}  // namespace lora
