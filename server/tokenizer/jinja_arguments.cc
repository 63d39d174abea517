// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_arguments.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"

namespace lora::jinja {

absl::StatusOr<BoundArguments> BoundArguments::Bind(
    const Arguments& arguments,
    absl::Span<const absl::string_view> parameters) {
  if (arguments.positional.size() > parameters.size()) {
    return Fail(absl::StrCat("takes at most ", parameters.size(),
                             " arguments; ", arguments.positional.size(),
                             " were given"));
  }
  BoundArguments bound(parameters);
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    bound.values_[i] = &arguments.positional[i];
  }
  for (const auto& [name, value] : arguments.named) {
    const auto it = std::find(parameters.begin(), parameters.end(), name);
    if (it == parameters.end()) {
      return Fail(absl::StrCat("has no argument \"", name, "\""));
    }
    const Value*& slot = bound.values_[it - parameters.begin()];
    if (slot != nullptr) {
      return Fail(absl::StrCat("the argument \"", name, "\" is given twice"));
    }
    slot = &value;
  }
  return bound;
}

const Value* BoundArguments::Find(absl::string_view parameter) const {
  const auto it = std::find(parameters_.begin(), parameters_.end(), parameter);
  return values_[it - parameters_.begin()];
}

absl::StatusOr<std::optional<std::string>> BoundArguments::Text(
    absl::string_view parameter) const {
  const Value* value = Find(parameter);
  if (value == nullptr || value->is_none()) return std::nullopt;
  if (!value->is_string()) {
    return Fail(absl::StrCat("the argument \"", parameter, "\" is a ",
                             value->KindName(), "; a string was expected"));
  }
  return value->as_string();
}

absl::StatusOr<std::optional<int64_t>> BoundArguments::Int(
    absl::string_view parameter) const {
  const Value* value = Find(parameter);
  if (value == nullptr || value->is_none()) return std::nullopt;
  if (!value->is_integral()) {
    return Fail(absl::StrCat("the argument \"", parameter, "\" is a ",
                             value->KindName(),
                             "; a whole number was expected"));
  }
  return value->as_int();
}

absl::StatusOr<std::string> BoundArguments::RequiredText(
    absl::string_view parameter) const {
  LORA_ASSIGN_OR_RETURN(std::optional<std::string> text, Text(parameter));
  if (!text.has_value()) {
    return Fail(absl::StrCat("the argument \"", parameter, "\" is missing"));
  }
  return *std::move(text);
}

bool BoundArguments::IsTrue(absl::string_view parameter) const {
  const Value* value = Find(parameter);
  return value != nullptr && value->IsTrue();
}

}  // namespace lora::jinja
