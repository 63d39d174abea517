// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_JSON_H_
#define LORA_SERVER_BASE_JSON_H_

#include <cstddef>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora {

// Keeps keys in file order: PEFT's patterns are "first match in file order".
using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t max_bytes = size_t{1} << 20;
  int max_depth = 64;
};

// Parses `text`, the only JSON entry point of the server.
//
// INVALID_ARGUMENT (CONFIG_SYNTAX): not JSON, not UTF-8, a byte-order mark, a
// key twice in one object, nested deeper or longer than `limits`; the message
// says which, and where.
absl::StatusOr<Json> ParseJson(absl::string_view text, JsonLimits limits = {});

// Reports whether a failed ParseJson was refused for a duplicate key: callers
// with a reason of their own for that (safetensors) need to know.
bool IsDuplicateKeyError(const absl::Status& status);

}  // namespace lora

#endif  // LORA_SERVER_BASE_JSON_H_
