// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_BASE_ERROR_H_
#define LORA_SERVER_MODEL_BASE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lora {

// FAILED_PRECONDITION (BASE): the base model's folder is broken.
absl::Status BaseError(absl::string_view message);

// UNIMPLEMENTED (BASE_FEATURE): the base model needs what this server lacks.
absl::Status BaseFeatureError(absl::string_view message);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_BASE_ERROR_H_
