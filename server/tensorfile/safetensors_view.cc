// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/safetensors_view.h"

#include <cstdint>

#include "server/base/status_macros.h"

namespace lora {

absl::StatusOr<SafetensorsView> SafetensorsView::Parse(
    absl::string_view file, const SafetensorsLimits& limits) {
  LORA_ASSIGN_OR_RETURN(SafetensorsHeader header,
                        SafetensorsHeader::Parse(
                            file, static_cast<int64_t>(file.size()), limits));
  return SafetensorsView(file, std::move(header));
}

}  // namespace lora
