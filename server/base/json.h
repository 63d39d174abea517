// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_JSON_H_
#define LORA_SERVER_BASE_JSON_H_

#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora {

// Keeps keys in file order: PEFT's patterns are "first match in file order".
using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t max_bytes = size_t{1} << 20;
  int max_depth = 64;
  // Values of any kind, also the nested ones: each takes many times the memory
  // of the two bytes that it may be in the text. Without one of its own a text
  // is bounded by its length alone.
  size_t max_values = std::numeric_limits<size_t>::max();
};

// Parses `text`, the only JSON entry point of the server.
//
// INVALID_ARGUMENT (CONFIG_SYNTAX): not JSON, not UTF-8, a byte-order mark, a
// key twice in one object, nested deeper, longer or with more values than
// `limits`; the message says which, and where.
absl::StatusOr<Json> ParseJson(absl::string_view text, JsonLimits limits = {});

// Reports whether a failed ParseJson was refused for a duplicate key: callers
// with a reason of their own for that (safetensors) need to know.
bool IsDuplicateKeyError(const absl::Status& status);
// The same of JsonLimits::max_values.
bool IsTooManyValuesError(const absl::Status& status);

}  // namespace lora

#endif  // LORA_SERVER_BASE_JSON_H_
