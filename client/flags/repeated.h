// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_FLAGS_REPEATED_H_
#define LORA_CLIENT_FLAGS_REPEATED_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace lora {

// Adds a flag that may be given any number of times, with one value each: what
// follows the value is not part of it, as it is with CLI11's own options of
// containers. Calls `add` with every value, in order; `add` may throw
// CLI::ValidationError.
CLI::Option* AddRepeated(CLI::App& app, const std::string& name,
                         std::function<void(const std::string&)> add,
                         const std::string& help);

}  // namespace lora

#endif  // LORA_CLIENT_FLAGS_REPEATED_H_
