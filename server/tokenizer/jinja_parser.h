// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_PARSER_H_
#define LORA_SERVER_TOKENIZER_JINJA_PARSER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_ast.h"

namespace lora::jinja {

// Parses a template: text, {{ }}, and the statements for, if, set, macro,
// filter, with, generation, break and continue.
//
// UNIMPLEMENTED (CHAT_TEMPLATE): another statement, filter or test, named with
// its line. INVALID_ARGUMENT (CHAT_TEMPLATE): bad syntax, or nested deeper than
// kMaxNesting.
absl::StatusOr<Block> ParseTemplate(absl::string_view source);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_PARSER_H_
