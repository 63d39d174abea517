// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_PRINT_H_
#define LORA_SERVER_TOKENIZER_JINJA_PRINT_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// `value` as text, as Python's str() makes it: strings as they are, undefined
// as nothing, lists and mappings as Python writes them.
//
// UNIMPLEMENTED (CHAT_TEMPLATE): a namespace, a loop or a function.
absl::StatusOr<std::string> ToText(const Value& value, Budget& budget);

// `value` as Python's repr() makes it. Appended to `out`.
absl::Status AppendRepr(const Value& value, Budget& budget, std::string& out);

// A float as Python writes it: the fewest digits that read back the same.
std::string FloatText(double value);

struct JsonStyle {
  // Not empty: one element a line, indented by this for each level.
  std::string indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool ensure_ascii = false;
  bool sort_keys = false;
};

// `value` as Python's json.dumps makes it.
//
// INVALID_ARGUMENT (CHAT_TEMPLATE): undefined, or nothing that JSON has.
absl::StatusOr<std::string> ToJson(const Value& value, const JsonStyle& style,
                                   Budget& budget);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_PRINT_H_
