// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_TORCH_STATUS_H_
#define LORA_SERVER_KERNELS_TORCH_STATUS_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace lora {

// Calls `body` and turns Torch's exceptions into a Status: the one place where
// c10::Error ends.
//
// RESOURCE_EXHAUSTED (MEMORY): an allocation failed. INTERNAL: any other
// exception, with its first line. Otherwise what `body` returns.
absl::Status TorchGuard(absl::FunctionRef<absl::Status()> body);

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_TORCH_STATUS_H_
