// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_string_literal.h"

#include <utf8proc.h>

#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_budget.h"
#include "server/tokenizer/utf8.h"

namespace lora::jinja {
namespace {

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

bool IsSurrogate(uint32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

// The character of the one-letter escapes; nullopt for another letter.
std::optional<char> SimpleEscape(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
      return letter;
    default:
      return std::nullopt;
  }
}

// The digits of \x, \u and \U; 0 for another letter.
size_t HexDigits(char letter) {
  if (letter == 'x') return 2;
  if (letter == 'u') return 4;
  if (letter == 'U') return 8;
  return 0;
}

absl::StatusOr<char32_t> ReadHex(absl::string_view digits, size_t count) {
  uint32_t value = 0;
  digits = digits.substr(0, count);
  for (const char c : digits) {
    if (!absl::ascii_isxdigit(c)) digits = "";
  }
  if (digits.size() < count || !absl::SimpleHexAtoi(digits, &value) ||
      value > 0x10FFFF || IsSurrogate(value)) {
    return Fail("an escape in a string is no character");
  }
  return static_cast<char32_t>(value);
}

// Whether Python shows the character as it is.
bool IsPrintable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

void AppendEscaped(char32_t c, char quote, std::string& out) {
  if (c == static_cast<char32_t>(quote) || c == '\\') {
    out.push_back('\\');
    AppendUtf8(c, out);
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\r') {
    out += "\\r";
  } else if (IsPrintable(c)) {
    AppendUtf8(c, out);
  } else if (c < 0x100) {
    absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint32_t>(c));
  } else if (c < 0x10000) {
    absl::StrAppendFormat(&out, "\\u%04x", static_cast<uint32_t>(c));
  } else {
    absl::StrAppendFormat(&out, "\\U%08x", static_cast<uint32_t>(c));
  }
}

}  // namespace

absl::StatusOr<std::string> UnescapeString(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c != '\\' || text.empty()) {
      out.push_back(c);
      continue;
    }
    const char letter = text[0];
    if (const std::optional<char> simple = SimpleEscape(letter)) {
      out.push_back(*simple);
      text.remove_prefix(1);
    } else if (const size_t count = HexDigits(letter); count > 0) {
      LORA_ASSIGN_OR_RETURN(const char32_t code_point,
                            ReadHex(text.substr(1), count));
      AppendUtf8(code_point, out);
      text.remove_prefix(1 + count);
    } else if (IsOctal(letter)) {
      char32_t value = 0;
      for (int i = 0; i < 3 && !text.empty() && IsOctal(text[0]); ++i) {
        value = value * 8 + static_cast<char32_t>(text[0] - '0');
        text.remove_prefix(1);
      }
      AppendUtf8(value, out);
    } else if (letter == '\n') {
      text.remove_prefix(1);
    } else {
      out.push_back('\\');
    }
  }
  return out;
}

std::string QuoteString(absl::string_view text) {
  const bool has_single = text.find('\'') != absl::string_view::npos;
  const bool has_double = text.find('"') != absl::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  while (!text.empty()) {
    const Utf8Head head = ReadUtf8(text);
    AppendEscaped(head.code_point, quote, out);
    text.remove_prefix(head.length);
  }
  out.push_back(quote);
  return out;
}

}  // namespace lora::jinja
