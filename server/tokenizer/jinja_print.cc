// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_print.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_string_literal.h"

namespace lora::jinja {
namespace {

// Where Python changes from 0.0001 to 1e-05, and from 1e+15 digits to 1e+16.
constexpr int kMinFixedExponent = -4;
constexpr int kMaxFixedExponent = 16;

absl::Status AppendSequence(const Value& value, Budget& budget,
                            std::string& out) {
  out.push_back(value.is_tuple() ? '(' : '[');
  bool is_first = true;
  for (const Value& item : value.items()) {
    if (!is_first) out += ", ";
    is_first = false;
    LORA_RETURN_IF_ERROR(AppendRepr(item, budget, out));
  }
  if (value.is_tuple() && value.items().size() == 1) out.push_back(',');
  out.push_back(value.is_tuple() ? ')' : ']');
  return absl::OkStatus();
}

absl::Status AppendMapping(const Value& value, Budget& budget,
                           std::string& out) {
  out.push_back('{');
  bool is_first = true;
  for (const auto& [key, item] : value.as_dict().entries()) {
    absl::StrAppend(&out, is_first ? "" : ", ", QuoteString(key), ": ");
    is_first = false;
    LORA_RETURN_IF_ERROR(budget.Make(key.size()));
    LORA_RETURN_IF_ERROR(AppendRepr(item, budget, out));
  }
  out.push_back('}');
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ToText(const Value& value, Budget& budget) {
  if (value.is_undefined()) return "";
  if (value.is_string()) return value.as_string();
  std::string text;
  LORA_RETURN_IF_ERROR(AppendRepr(value, budget, text));
  return text;
}

absl::Status AppendRepr(const Value& value, Budget& budget, std::string& out) {
  LORA_RETURN_IF_ERROR(budget.Step(value.size()));
  if (value.is_undefined()) {
    out += "Undefined";
  } else if (value.is_none()) {
    out += "None";
  } else if (value.is_bool()) {
    out += value.as_bool() ? "True" : "False";
  } else if (value.is_int()) {
    absl::StrAppend(&out, value.as_int());
  } else if (value.is_float()) {
    out += FloatText(value.as_float());
  } else if (value.is_string()) {
    LORA_RETURN_IF_ERROR(budget.Make(value.as_string().size()));
    out += QuoteString(value.as_string());
  } else if (value.is_sequence()) {
    return AppendSequence(value, budget, out);
  } else if (value.is_dict()) {
    return AppendMapping(value, budget, out);
  } else {
    return Unsupported(absl::StrCat("printing a ", value.KindName()));
  }
  return absl::OkStatus();
}

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const std::to_chars_result result = std::to_chars(
      buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  // [-]d[.ddd]e(+|-)dd
  const absl::string_view text(buffer, result.ptr - buffer);
  const size_t e = text.find('e');
  int exponent = 0;
  (void)absl::SimpleAtoi(text.substr(e + 1), &exponent);
  if (exponent < kMinFixedExponent || exponent >= kMaxFixedExponent) {
    return std::string(text);
  }
  const absl::string_view sign = text[0] == '-' ? "-" : "";
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  if (exponent < 0) {
    return absl::StrCat(sign, "0.", std::string(-exponent - 1, '0'), digits);
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    digits.append(whole - digits.size(), '0');
    return absl::StrCat(sign, digits, ".0");
  }
  return absl::StrCat(sign, digits.substr(0, whole), ".", digits.substr(whole));
}

}  // namespace lora::jinja
