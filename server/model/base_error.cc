// SPDX-License-Identifier: Apache-2.0
#include "server/model/base_error.h"

#include "server/base/error.h"

namespace lora {

absl::Status BaseError(absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kBase,
               message);
}

absl::Status BaseFeatureError(absl::string_view message) {
  return Error(absl::StatusCode::kUnimplemented, ErrorReason::kBaseFeature,
               message);
}

}  // namespace lora
