// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_FOREIGN_FORMAT_H_
#define LORA_SERVER_ADAPTER_FORMAT_FOREIGN_FORMAT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/tensorfile/safetensors_header.h"

namespace lora {

// Whether `key` names a tensor of a LyCORIS algorithm other than LoRA: LoHa,
// LoKr, OFT, full differences.
bool IsLycorisKey(absl::string_view key);

// Says which format a safetensors file without adapter_config.json has, by the
// names of its tensors; none of them is read.
//
// UNIMPLEMENTED: FEATURE: kohya, diffusers, a bare PEFT state dict or another
// tool's, by name; LYCORIS_ALGO. INVALID_ARGUMENT: KEY_CONFLICT: kohya names
// beside others; EMPTY: no tensors; KEY_UNKNOWN: not a LoRA file.
absl::Status RefuseForeignFormat(absl::Span<const TensorInfo> tensors);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_FOREIGN_FORMAT_H_
