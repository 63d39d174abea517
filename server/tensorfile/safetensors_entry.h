// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TENSORFILE_SAFETENSORS_ENTRY_H_
#define LORA_SERVER_TENSORFILE_SAFETENSORS_ENTRY_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"
#include "server/tensorfile/safetensors_header.h"

// The parts of a safetensors header's JSON object; for SafetensorsHeader.

namespace lora {

// Reads the entry of one tensor, whose range is checked against its dtype and
// shape and not yet against other tensors.
//
// INVALID_ARGUMENT: ST_HEADER_JSON, ST_DTYPE, ST_OFFSET, ST_SIZE.
absl::StatusOr<TensorInfo> ParseTensorEntry(const std::string& name,
                                            const Json& value);

// Reads `__metadata__`: null, or an object of strings.
//
// INVALID_ARGUMENT (ST_METADATA).
absl::StatusOr<std::map<std::string, std::string>> ParseTensorMetadata(
    const Json& value);

}  // namespace lora

#endif  // LORA_SERVER_TENSORFILE_SAFETENSORS_ENTRY_H_
