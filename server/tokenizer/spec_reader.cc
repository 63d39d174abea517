// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/spec_reader.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr int64_t kMaxTokenId = int64_t{1} << 24;

absl::Status Malformed(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kBase, message);
}

}  // namespace

absl::StatusOr<SpecReader> SpecReader::Open(const Json& spec,
                                            absl::string_view what) {
  if (!spec.is_object()) {
    return Malformed(absl::StrCat(what, " is of type ", spec.type_name(),
                                  "; an object was expected"));
  }
  return SpecReader(spec, what);
}

const Json* SpecReader::Find(absl::string_view name) const {
  const auto it = spec_.find(std::string(name));
  return it == spec_.end() || it->is_null() ? nullptr : &*it;
}

absl::Status SpecReader::FieldError(absl::string_view name,
                                    absl::string_view expected) const {
  const Json* value = Find(name);
  return Malformed(absl::StrCat(
      what_, ": \"", name, "\" is ",
      value == nullptr ? "missing"
                       : absl::StrCat("of type ", value->type_name()),
      "; ", expected, " was expected"));
}

absl::StatusOr<const Json*> SpecReader::Array(absl::string_view name) const {
  const Json* value = Find(name);
  if (value == nullptr || !value->is_array()) {
    return FieldError(name, "a list");
  }
  return value;
}

absl::StatusOr<const Json*> SpecReader::Object(absl::string_view name) const {
  const Json* value = Find(name);
  if (value == nullptr || !value->is_object()) {
    return FieldError(name, "an object");
  }
  return value;
}

absl::StatusOr<std::string> SpecReader::String(absl::string_view name) const {
  const Json* value = Find(name);
  if (value == nullptr || !value->is_string()) {
    return FieldError(name, "a string");
  }
  return value->get<std::string>();
}

absl::StatusOr<int32_t> SpecReader::Id(absl::string_view name) const {
  const Json* value = Find(name);
  if (value != nullptr) {
    if (const std::optional<int32_t> id = AsTokenId(*value)) return *id;
  }
  return FieldError(name, "a token id");
}

absl::StatusOr<bool> SpecReader::Bool(absl::string_view name) const {
  const Json* value = Find(name);
  if (value == nullptr || !value->is_boolean()) {
    return FieldError(name, "true or false");
  }
  return value->get<bool>();
}

absl::StatusOr<bool> SpecReader::BoolOr(absl::string_view name,
                                        bool fallback) const {
  if (Find(name) == nullptr) return fallback;
  return Bool(name);
}

absl::StatusOr<std::optional<std::string>> SpecReader::OptionalString(
    absl::string_view name) const {
  if (Find(name) == nullptr) return std::nullopt;
  LORA_ASSIGN_OR_RETURN(std::string text, String(name));
  return text;
}

std::optional<int32_t> AsTokenId(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() &&
      value.get<uint64_t>() >= static_cast<uint64_t>(kMaxTokenId)) {
    return std::nullopt;
  }
  const auto id = value.get<int64_t>();
  if (id < 0 || id >= kMaxTokenId) return std::nullopt;
  return static_cast<int32_t>(id);
}

absl::Status UnsupportedComponent(absl::string_view section,
                                  absl::string_view type) {
  return Error(absl::StatusCode::kUnimplemented, ErrorReason::kBaseFeature,
               absl::StrCat("tokenizer.json: ", section, " of type \"", type,
                            "\" is not supported by this server"));
}

}  // namespace lora
