// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/chat_template.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_template.h"
#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

using jinja::Dict;
using jinja::Value;

absl::Status InputError(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
               message);
}

absl::StatusOr<Value> MessagesOf(const ChatRequest& request) {
  std::vector<Value> messages;
  for (const ChatMessage& message : request.messages) {
    if (!IsValidUtf8(message.role) || !IsValidUtf8(message.content)) {
      return InputError("a message is not valid UTF-8; encode it as UTF-8");
    }
    Dict dict;
    dict.Set("role", Value::String(message.role));
    dict.Set("content", Value::String(message.content));
    messages.push_back(Value::Mapping(std::move(dict)));
  }
  return Value::List(std::move(messages));
}

}  // namespace

ChatTemplate::ChatTemplate(
    absl::string_view source,
    std::vector<std::pair<std::string, std::string>> variables)
    : variables_(std::move(variables)) {
  absl::StatusOr<jinja::Template> parsed = jinja::Template::Parse(source);
  if (parsed.ok()) {
    template_ = std::make_unique<const jinja::Template>(*std::move(parsed));
  } else {
    status_ = parsed.status();
  }
}

ChatTemplate::~ChatTemplate() = default;

absl::StatusOr<std::string> ChatTemplate::Render(
    const ChatRequest& request) const {
  LORA_RETURN_IF_ERROR(status_);
  if (!request.template_kwargs.is_object()) {
    return InputError(absl::StrCat("template_kwargs is of type ",
                                   request.template_kwargs.type_name(),
                                   "; an object was expected"));
  }
  Dict variables;
  variables.Set("tools", Value::None());
  variables.Set("documents", Value::None());
  for (const auto& [name, content] : variables_) {
    variables.Set(name, Value::String(content));
  }
  for (const auto& [name, value] : request.template_kwargs.items()) {
    if (name == "messages" || name == "add_generation_prompt") {
      return InputError(absl::StrCat("template_kwargs has \"", name,
                                     "\", which is a field of its own"));
    }
    variables.Set(name, Value::FromJson(value));
  }
  LORA_ASSIGN_OR_RETURN(Value messages, MessagesOf(request));
  variables.Set("messages", std::move(messages));
  variables.Set("add_generation_prompt",
                Value::Bool(request.add_generation_prompt));
  return template_->Render(variables, request.now);
}

}  // namespace lora
