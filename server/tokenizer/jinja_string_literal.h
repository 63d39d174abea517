// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_STRING_LITERAL_H_
#define LORA_SERVER_TOKENIZER_JINJA_STRING_LITERAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora::jinja {

// `text`, what stands between the quotes of a string of the template
// language, with Python's escapes resolved; an unknown escape stays as it is.
//
// INVALID_ARGUMENT (CHAT_TEMPLATE): an escape with too few digits, or one that
// names no character.
absl::StatusOr<std::string> UnescapeString(absl::string_view text);

// `text` in quotes with escapes, as Python shows a string inside a list.
std::string QuoteString(absl::string_view text);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_STRING_LITERAL_H_
