// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "absl/strings/ascii.h"
#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

constexpr char32_t kCapitalDottedI = 0x130;
constexpr char32_t kCombiningDotAbove = 0x307;
constexpr char32_t kZeroWidthNonJoiner = 0x200C;
constexpr char32_t kZeroWidthJoiner = 0x200D;

struct FreeUtf8proc {
  void operator()(utf8proc_uint8_t* bytes) const { std::free(bytes); }
};

utf8proc_option_t Options(NormalizationForm form) {
  int options = UTF8PROC_STABLE;
  const bool composes =
      form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc;
  options |= composes ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd) {
    options |= UTF8PROC_COMPAT;
  }
  return static_cast<utf8proc_option_t>(options);
}

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isascii);
}

}  // namespace

bool IsWhiteSpace(char32_t c) {
  switch (c) {
    case 0x20:
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return (c >= 0x09 && c <= 0x0D) || (c >= 0x2000 && c <= 0x200A);
  }
}

bool IsNumeric(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

bool IsWordCharacter(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      // Circled and squared letters are alphabetic symbols.
      return c == kZeroWidthNonJoiner || c == kZeroWidthJoiner ||
             (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
             (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  }
}

size_t LeadingWhiteSpace(absl::string_view text) {
  size_t length = 0;
  while (length < text.size()) {
    const Utf8Head head = ReadUtf8(text.substr(length));
    if (!IsWhiteSpace(head.code_point)) break;
    length += head.length;
  }
  return length;
}

size_t TrailingWhiteSpace(absl::string_view text) {
  size_t rest = text.size();
  while (rest > 0) {
    size_t begin = rest - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) {
      --begin;
    }
    if (!IsWhiteSpace(ReadUtf8(text.substr(begin)).code_point)) break;
    rest = begin;
  }
  return text.size() - rest;
}

char32_t FirstCharacter(absl::string_view text) {
  return ReadUtf8(text).code_point;
}

char32_t LastCharacter(absl::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) {
    --begin;
  }
  return ReadUtf8(text.substr(begin)).code_point;
}

std::string ToLowerCase(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Head head = ReadUtf8(text);
    text.remove_prefix(head.length);
    if (head.code_point == kCapitalDottedI) {
      out.push_back('i');
      AppendUtf8(kCombiningDotAbove, out);
    } else {
      AppendUtf8(static_cast<char32_t>(utf8proc_tolower(
                     static_cast<utf8proc_int32_t>(head.code_point))),
                 out);
    }
  }
  return out;
}

std::string NormalizeUnicode(absl::string_view text, NormalizationForm form) {
  if (IsAscii(text)) return std::string(text);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &mapped, Options(form));
  const std::unique_ptr<utf8proc_uint8_t, FreeUtf8proc> owned(mapped);
  // It fails on invalid UTF-8 and when memory is out; neither changes a text.
  if (size < 0) return std::string(text);
  return std::string(reinterpret_cast<const char*>(mapped),
                     static_cast<size_t>(size));
}

}  // namespace lora
