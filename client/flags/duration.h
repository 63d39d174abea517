// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_FLAGS_DURATION_H_
#define LORA_CLIENT_FLAGS_DURATION_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "absl/time/time.h"

namespace lora {

// Adds the flag `name` whose value is a time, "30s", "1m30s" or "250ms"; what
// is none, or less than none, is a usage error. Calls `set` with the time;
// `set` may throw CLI::ValidationError.
CLI::Option* AddDuration(CLI::App& app, const std::string& name,
                         std::function<void(absl::Duration)> set,
                         const std::string& help);

}  // namespace lora

#endif  // LORA_CLIENT_FLAGS_DURATION_H_
