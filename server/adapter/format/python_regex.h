// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_PYTHON_REGEX_H_
#define LORA_SERVER_ADAPTER_FORMAT_PYTHON_REGEX_H_

#include <re2/re2.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora {

// Where PEFT puts an expression from a config, which decides whether it may
// start with global flags such as "(?i)".
enum class RegexPlace { kWhole, kInside };

// Compiles an expression that is written for Python's `re`, with `before` and
// `after` around it. Matching takes linear time, whatever the expression.
//
// INVALID_ARGUMENT (REGEX): over 512 bytes, over the memory limit, not an
// expression in Python or not in RE2 (look-around, back-references).
absl::StatusOr<std::unique_ptr<const RE2>> CompilePythonRegex(
    absl::string_view before, absl::string_view pattern,
    absl::string_view after, RegexPlace place);

// re.match and re.fullmatch.
bool MatchesAtStart(const RE2& regex, absl::string_view text);
bool MatchesWhole(const RE2& regex, absl::string_view text);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_PYTHON_REGEX_H_
