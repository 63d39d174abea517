// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_VERSION_H_
#define LORA_SERVER_BASE_VERSION_H_

#include "absl/strings/string_view.h"

namespace lora {

// The release, "1.2.3": project(VERSION) of the root CMakeLists.txt.
absl::string_view Version();

}  // namespace lora

#endif  // LORA_SERVER_BASE_VERSION_H_
