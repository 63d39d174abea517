// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_STRING_METHODS_H_
#define LORA_SERVER_TOKENIZER_JINJA_STRING_METHODS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// A method, called with what it is a method of.
using Method = absl::StatusOr<Value> (*)(const Value& receiver,
                                         const Arguments& arguments,
                                         Budget& budget);

// The method `name` of strings; nullptr: Python has none.
//
// UNIMPLEMENTED (CHAT_TEMPLATE): Python has it, this server does not.
absl::StatusOr<Method> FindStringMethod(absl::string_view name);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_STRING_METHODS_H_
