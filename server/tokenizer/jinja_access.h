// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_ACCESS_H_
#define LORA_SERVER_TOKENIZER_JINJA_ACCESS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// Reading the parts of values. A part that is missing is undefined, which is an
// error only when it is used; reading a part of an undefined value is one at
// once: INVALID_ARGUMENT (CHAT_TEMPLATE).

// object.name: a method or member before an entry of a mapping.
absl::StatusOr<Value> GetAttribute(const Value& object, absl::string_view name);
// object[key]: an entry before a method or member.
absl::StatusOr<Value> GetItem(const Value& object, const Value& key,
                              Budget& budget);

// The parts of a[begin:end:step]; None stands for a part that is left out.
struct SliceBounds {
  Value begin;
  Value end;
  Value step;
};
absl::StatusOr<Value> GetSlice(const Value& object, const SliceBounds& bounds,
                               Budget& budget);

// What a loop over `value` sees: items, keys, or characters.
//
// INVALID_ARGUMENT (CHAT_TEMPLATE): it is no sequence, mapping or string.
absl::StatusOr<std::vector<Value>> Iterate(const Value& value, Budget& budget);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_ACCESS_H_
