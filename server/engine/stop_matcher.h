// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_STOP_MATCHER_H_
#define LORA_SERVER_ENGINE_STOP_MATCHER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace lora {

// Finds stop strings in a text that grows. Immutable, thread-safe.
class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops)
      : stops_(std::move(stops)) {}

  struct Match {
    size_t begin = 0;
    absl::string_view stop;  // One of the stop strings.
  };

  // The first occurrence of any stop string in `text`, the longest of those
  // that begin there; one that ends before `known` was looked for already.
  std::optional<Match> Find(absl::string_view text, size_t known) const;

  // How many bytes at the end of `text` may be the beginning of a stop string.
  size_t HeldBack(absl::string_view text) const;

 private:
  std::vector<std::string> stops_;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_STOP_MATCHER_H_
