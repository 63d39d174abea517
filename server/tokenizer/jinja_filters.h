// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_FILTERS_H_
#define LORA_SERVER_TOKENIZER_JINJA_FILTERS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// Whether `name` is a filter of the subset.
bool IsFilter(absl::string_view name);

// `input|name(arguments)`; `name` is a filter.
//
// INVALID_ARGUMENT (CHAT_TEMPLATE): wrong arguments or kinds of values.
absl::StatusOr<Value> ApplyFilter(absl::string_view name, const Value& input,
                                  const Arguments& arguments, Budget& budget);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_FILTERS_H_
