// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_PEFT_FIELDS_H_
#define LORA_SERVER_ADAPTER_FORMAT_PEFT_FIELDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"
#include "server/base/json.h"

// The fields of PEFT's LoraConfig, as they stand in adapter_config.json.

namespace lora {

inline constexpr absl::string_view kPeftConfigFile = "adapter_config.json";

// An INVALID_ARGUMENT about adapter_config.json.
absl::Status ConfigError(ErrorReason reason, absl::string_view message);

// Parses adapter_config.json as an object whose peft_type is "LORA".
//
// INVALID_ARGUMENT: CONFIG_SYNTAX; LFS_POINTER: the pointer that Git LFS leaves
// in place of the file; CONFIG_FIELD: no peft_type; ALPHA: lora_alpha is a
// number that JSON does not have. UNIMPLEMENTED (PEFT_TYPE).
absl::StatusOr<Json> ParsePeftObject(absl::string_view text);

// Checks the type of every known field and returns the names of the unknown
// ones, in file order. Values with a reason of their own (r, lora_alpha and
// what the patterns hold) are left to their readers.
//
// INVALID_ARGUMENT (CONFIG_FIELD).
absl::StatusOr<std::vector<std::string>> CheckFieldTypes(const Json& config);

// `text` for a message: its start, where it is long, still as UTF-8.
std::string Shortened(const std::string& text);
// Names for a message: "a, b, c and 7 more".
std::string Listed(const std::vector<std::string>& names);

// The value of `name`, or nullptr when it is absent or null.
const Json* FindField(const Json& config, absl::string_view name);

// The value of a field that CheckFieldTypes accepted.
bool BoolField(const Json& config, absl::string_view name);
std::string StringField(const Json& config, absl::string_view name);
// One string counts as a list of one.
std::vector<std::string> StringListField(const Json& config,
                                         absl::string_view name);

// Whether the field holds something: neither absent, null, false nor an empty
// string, list or object.
bool IsSet(const Json& config, absl::string_view name);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_PEFT_FIELDS_H_
