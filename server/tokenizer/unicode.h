// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_UNICODE_H_
#define LORA_SERVER_TOKENIZER_UNICODE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace lora {

// The Unicode property White_Space.
bool IsWhiteSpace(char32_t c);

// The general categories N*: digits, letter numbers, other numbers.
bool IsNumeric(char32_t c);

// What `\w` means to added tokens: letters, marks, decimal digits, connectors
// and joiners.
bool IsWordCharacter(char32_t c);

// The length in bytes of the white space that `text` starts with, or ends
// with. `text` is valid UTF-8.
size_t LeadingWhiteSpace(absl::string_view text);
size_t TrailingWhiteSpace(absl::string_view text);

// The first and the last character of valid UTF-8 that is not empty.
char32_t FirstCharacter(absl::string_view text);
char32_t LastCharacter(absl::string_view text);

// `text` in lower case, character by character, in no language's own way.
std::string ToLowerCase(absl::string_view text);

enum class NormalizationForm { kNfc, kNfd, kNfkc, kNfkd };

// `text`, valid UTF-8, in a normalization form.
std::string NormalizeUnicode(absl::string_view text, NormalizationForm form);

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_UNICODE_H_
