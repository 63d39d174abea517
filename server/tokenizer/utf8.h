// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_UTF8_H_
#define LORA_SERVER_TOKENIZER_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace lora {

// What the first bytes of a text are.
enum class Utf8Kind : uint8_t {
  kCharacter,  // A whole character.
  kInvalid,    // Bytes that no continuation makes valid.
  kTruncated,  // The beginning of a character; the text ends before the rest.
};

// The first character of a text, or its first maximal ill-formed part (the
// Unicode Standard, section 3.9): what one U+FFFD stands for.
struct Utf8Head {
  Utf8Kind kind;
  char32_t code_point;  // 0 unless kCharacter.
  size_t length;        // Bytes; 1 to 4.
};

// Reads the head of `text`, which is not empty.
Utf8Head ReadUtf8(absl::string_view text);

bool IsValidUtf8(absl::string_view text);

void AppendUtf8(char32_t code_point, std::string& out);

// The number of characters of valid UTF-8.
size_t CountUtf8(absl::string_view text);

// The UTF-8 of U+FFFD.
inline constexpr absl::string_view kReplacementCharacter = "\xEF\xBF\xBD";

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_UTF8_H_
