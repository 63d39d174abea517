// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/tokenizer/unicode.h"
#include "server/tokenizer/utf8.h"

namespace lora::jinja {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// str.isspace: the white space of Unicode and four separators of ASCII.
bool IsPythonSpace(char32_t c) {
  return IsWhiteSpace(c) || (c >= 0x1C && c <= 0x1F);
}

// Python counts a negative limit as none.
int64_t LimitOf(std::optional<int64_t> limit) {
  return limit.has_value() && *limit >= 0 ? *limit : kUnlimited;
}

absl::string_view LastCharacterOf(absl::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) {
    --begin;
  }
  return text.substr(begin);
}

template <typename Predicate>
absl::string_view StripIf(absl::string_view text, StripSides sides,
                          Predicate drops) {
  while (sides != StripSides::kRight && !text.empty()) {
    const Utf8Head head = ReadUtf8(text);
    if (!drops(text.substr(0, head.length))) break;
    text.remove_prefix(head.length);
  }
  while (sides != StripSides::kLeft && !text.empty()) {
    const absl::string_view last = LastCharacterOf(text);
    if (!drops(last)) break;
    text.remove_suffix(last.size());
  }
  return text;
}

// The bytes of the line end at the beginning of `text`; 0: none.
size_t LineEnd(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "\r\n")) return 2;
  const Utf8Head head = ReadUtf8(text);
  const char32_t c = head.code_point;
  const bool is_end = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) ||
                      c == 0x85 || c == 0x2028 || c == 0x2029;
  return is_end ? head.length : 0;
}

char32_t ToUpper(char32_t c) {
  return static_cast<char32_t>(
      utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}

bool IsCased(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

}  // namespace

absl::string_view StripText(absl::string_view text, StripSides sides) {
  return StripIf(text, sides, [](absl::string_view character) {
    return IsPythonSpace(ReadUtf8(character).code_point);
  });
}

absl::string_view StripText(absl::string_view text, StripSides sides,
                            absl::string_view characters) {
  return StripIf(text, sides, [characters](absl::string_view character) {
    return characters.find(character) != absl::string_view::npos;
  });
}

std::vector<absl::string_view> SplitWords(absl::string_view text,
                                          std::optional<int64_t> max_splits) {
  std::vector<absl::string_view> words;
  int64_t splits_left = LimitOf(max_splits);
  text = StripText(text, StripSides::kLeft);
  while (!text.empty()) {
    if (splits_left-- == 0) {
      words.push_back(text);
      break;
    }
    size_t length = 0;
    while (length < text.size()) {
      const Utf8Head head = ReadUtf8(text.substr(length));
      if (IsPythonSpace(head.code_point)) break;
      length += head.length;
    }
    words.push_back(text.substr(0, length));
    text = StripText(text.substr(length), StripSides::kLeft);
  }
  return words;
}

std::vector<absl::string_view> SplitText(absl::string_view text,
                                         absl::string_view separator,
                                         std::optional<int64_t> max_splits) {
  std::vector<absl::string_view> parts;
  for (int64_t left = LimitOf(max_splits); left > 0; --left) {
    const size_t at = text.find(separator);
    if (at == absl::string_view::npos) break;
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

std::vector<absl::string_view> SplitTextFromRight(
    absl::string_view text, absl::string_view separator,
    std::optional<int64_t> max_splits) {
  std::vector<absl::string_view> parts;
  for (int64_t left = LimitOf(max_splits); left > 0; --left) {
    const size_t at = text.rfind(separator);
    if (at == absl::string_view::npos) break;
    parts.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<absl::string_view> SplitLines(absl::string_view text) {
  std::vector<absl::string_view> lines;
  size_t length = 0;
  while (length < text.size()) {
    const absl::string_view rest = text.substr(length);
    if (const size_t end = LineEnd(rest); end > 0) {
      lines.push_back(text.substr(0, length));
      text.remove_prefix(length + end);
      length = 0;
    } else {
      length += ReadUtf8(rest).length;
    }
  }
  if (!text.empty()) lines.push_back(text);
  return lines;
}

std::string ReplaceText(absl::string_view text, absl::string_view from,
                        absl::string_view to,
                        std::optional<int64_t> max_count) {
  int64_t left = LimitOf(max_count);
  std::string out;
  if (from.empty()) {
    for (const absl::string_view character : Characters(text)) {
      if (left-- > 0) absl::StrAppend(&out, to);
      absl::StrAppend(&out, character);
    }
    if (left > 0) absl::StrAppend(&out, to);
    return out;
  }
  for (; left > 0; --left) {
    const size_t at = text.find(from);
    if (at == absl::string_view::npos) break;
    absl::StrAppend(&out, text.substr(0, at), to);
    text.remove_prefix(at + from.size());
  }
  absl::StrAppend(&out, text);
  return out;
}

std::string UpperCase(absl::string_view text) {
  std::string out;
  for (const absl::string_view character : Characters(text)) {
    const char32_t c = ReadUtf8(character).code_point;
    if (c == 0xDF) {
      out += "SS";
    } else {
      AppendUtf8(ToUpper(c), out);
    }
  }
  return out;
}

std::string Capitalize(absl::string_view text) {
  if (text.empty()) return "";
  const size_t first = ReadUtf8(text).length;
  return absl::StrCat(UpperCase(text.substr(0, first)),
                      ToLowerCase(text.substr(first)));
}

std::string TitleCase(absl::string_view text) {
  std::string out;
  bool after_letter = false;
  for (const absl::string_view character : Characters(text)) {
    absl::StrAppend(
        &out, after_letter ? ToLowerCase(character) : UpperCase(character));
    after_letter = IsCased(ReadUtf8(character).code_point);
  }
  return out;
}

std::vector<absl::string_view> Characters(absl::string_view text) {
  std::vector<absl::string_view> characters;
  while (!text.empty()) {
    const size_t length = ReadUtf8(text).length;
    characters.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return characters;
}

}  // namespace lora::jinja
