// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_LABELS_H_
#define LORA_SERVER_ADAPTER_ADAPTER_LABELS_H_

#include <map>
#include <string>

#include "absl/status/status.h"

namespace lora {

// Bounds what a caller may attach to an adapter: labels are kept, listed and
// saved with it.
//
// INVALID_ARGUMENT (PARAM): more than 64 labels, a key that is not 1 to 128
// bytes long, a value over 1024 bytes, or a control character in either; the
// message says which.
absl::Status CheckLabels(const std::map<std::string, std::string>& labels);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_LABELS_H_
