// SPDX-License-Identifier: Apache-2.0
#include "server/base/version.h"

namespace lora {

absl::string_view Version() { return LORA_VERSION; }

}  // namespace lora
