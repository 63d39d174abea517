// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_LEXER_H_
#define LORA_SERVER_TOKENIZER_JINJA_LEXER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora::jinja {

enum class TokenKind : uint8_t {
  kText,        // Outside tags, white space already trimmed.
  kPrintBegin,  // {{
  kPrintEnd,    // }}
  kBlockBegin,  // {%
  kBlockEnd,    // %}
  kName,
  kString,  // Without quotes, escapes resolved.
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  std::string text;
  int line;
};

// Cuts a template into tokens, ending with kEnd. As Jinja2 with trim_blocks
// and lstrip_blocks: a block or comment takes the newline after it with it, and
// the blanks before it on its line; `-` takes all white space, `+` none. One
// newline at the end of the source is dropped.
//
// INVALID_ARGUMENT (CHAT_TEMPLATE): a tag, comment or string that does not
// end; a character that begins nothing; brackets that do not match.
absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_LEXER_H_
