// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_METHODS_H_
#define LORA_SERVER_TOKENIZER_JINJA_METHODS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// The method `name` of `receiver`, bound to it; nullopt: Python has none.
//
// UNIMPLEMENTED (CHAT_TEMPLATE): Python has it, this server does not.
// INVALID_ARGUMENT (CHAT_TEMPLATE): it would change the receiver.
absl::StatusOr<std::optional<Value>> FindMethod(const Value& receiver,
                                                absl::string_view name);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_METHODS_H_
