// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_SEQUENCE_FILTERS_H_
#define LORA_SERVER_TOKENIZER_JINJA_SEQUENCE_FILTERS_H_

#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_string_methods.h"

namespace lora::jinja {

// The filter `name` if it is one of those over lists and mappings (map,
// select, join, sort and the like); nullptr otherwise. Iterators of Python are
// lists here.
Method FindSequenceFilter(absl::string_view name);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_SEQUENCE_FILTERS_H_
