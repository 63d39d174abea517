// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_PATTERN_H_
#define LORA_SERVER_TOKENIZER_PATTERN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"
#include "server/tokenizer/regex.h"

namespace lora {

// What a Split, a Replace or a decoder's Replace looks for: a literal string
// or a regular expression. Immutable and thread-safe.
class Pattern {
 public:
  // Reads {"String": "..."} or {"Regex": "..."}.
  //
  // INVALID_ARGUMENT (BASE): neither. Otherwise as Regex::Compile.
  static absl::StatusOr<Pattern> Parse(const Json& spec);

  static Pattern Literal(std::string text);

  // Cuts `text` as Regex::Cut does. An empty literal matches nowhere.
  absl::StatusOr<std::vector<MatchSpan>> Cut(absl::string_view text) const;

  // `text` with every match replaced by `content`.
  absl::StatusOr<std::string> Replace(absl::string_view text,
                                      absl::string_view content) const;

 private:
  Pattern() = default;

  std::unique_ptr<const Regex> regex_;  // Null for a literal.
  std::string literal_;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_PATTERN_H_
