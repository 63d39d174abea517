// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/field_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/model/base_error.h"

namespace lora {
namespace {

// Enough of a value to recognise it in a message.
std::string Excerpt(const Json& value) {
  constexpr size_t kMaxChars = 80;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() <= kMaxChars) return text;
  text.resize(kMaxChars);
  return absl::StrCat(text, "...");
}

}  // namespace

const Json* FieldReader::Raw(absl::string_view key) {
  std::string name(key);
  const auto it = object_.find(name);
  read_.insert(std::move(name));
  if (it == object_.end() || it->is_null()) return nullptr;
  return &*it;
}

bool FieldReader::IsNull(absl::string_view key) const {
  const auto it = object_.find(std::string(key));
  return it != object_.end() && it->is_null();
}

int64_t FieldReader::Int(absl::string_view key, int64_t fallback,
                         Range<int64_t> range) {
  const Json* value = Raw(key);
  if (value == nullptr) return fallback;
  const std::string expected =
      absl::StrCat("an integer from ", range.min, " to ", range.max);
  const bool beyond_int64 =
      value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX;
  if (!value->is_number_integer() || beyond_int64 ||
      value->get<int64_t>() < range.min || value->get<int64_t>() > range.max) {
    FailType(key, expected, *value);
    return fallback;
  }
  return value->get<int64_t>();
}

double FieldReader::Number(absl::string_view key, double fallback,
                           Range<double> range) {
  const Json* value = Raw(key);
  if (value == nullptr) return fallback;
  if (!value->is_number() || !(value->get<double>() >= range.min) ||
      !(value->get<double>() <= range.max)) {
    FailType(key, absl::StrCat("a number from ", range.min, " to ", range.max),
             *value);
    return fallback;
  }
  return value->get<double>();
}

bool FieldReader::Bool(absl::string_view key, bool fallback) {
  const Json* value = Raw(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    FailType(key, "true or false", *value);
    return fallback;
  }
  return value->get<bool>();
}

std::string FieldReader::String(absl::string_view key,
                                absl::string_view fallback) {
  const Json* value = Raw(key);
  if (value == nullptr) return std::string(fallback);
  if (!value->is_string()) {
    FailType(key, "a string", *value);
    return std::string(fallback);
  }
  return value->get<std::string>();
}

void FieldReader::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void FieldReader::FailBase(absl::string_view message) {
  Fail(BaseError(absl::StrCat(context_, ": ", message)));
}

void FieldReader::FailFeature(absl::string_view message) {
  Fail(BaseFeatureError(absl::StrCat(context_, ": ", message)));
}

void FieldReader::FailType(absl::string_view key, absl::string_view expected,
                           const Json& found) {
  FailBase(absl::StrCat("\"", key, "\" is ", Excerpt(found), ", expected ",
                        expected));
}

std::vector<std::string> FieldReader::UnreadKeys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object_.items()) {
    if (!read_.contains(key)) keys.push_back(key);
  }
  return keys;
}

}  // namespace lora
