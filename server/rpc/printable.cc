// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/printable.h"

#include "absl/strings/str_cat.h"

namespace lora {
namespace {

constexpr absl::string_view kEllipsis = "...";

// The length of the well-formed UTF-8 character that `text` begins with; 0 if
// there is none.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [text](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  // The second byte's range excludes overlong forms, surrogates and what lies
  // beyond U+10FFFF (The Unicode Standard, table 3-7).
  const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

// Where the first character begins at or after `begin`.
size_t CharacterAt(absl::string_view text, size_t begin) {
  while (begin < text.size() &&
         (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) {
    ++begin;
  }
  return begin;
}

std::string ReplaceWhatIsNotUtf8(absl::string_view text) {
  std::string printable;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) {
      printable.push_back('?');
    } else {
      printable.append(text.data(), length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return printable;
}

}  // namespace

std::string Printable(absl::string_view text, size_t max_bytes) {
  std::string printable = ReplaceWhatIsNotUtf8(text);
  if (printable.size() <= max_bytes) return printable;
  const size_t kept = max_bytes - kEllipsis.size();
  size_t head = kept / 2;
  while (head > 0 && CharacterAt(printable, head) != head) --head;
  const size_t tail =
      CharacterAt(printable, printable.size() - (kept - kept / 2));
  return absl::StrCat(absl::string_view(printable).substr(0, head), kEllipsis,
                      absl::string_view(printable).substr(tail));
}

}  // namespace lora
