// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_REGEX_H_
#define LORA_SERVER_TOKENIZER_REGEX_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct pcre2_real_code_8;

namespace lora {

// A run of a text: a match of a pattern, or what lies between two matches.
struct MatchSpan {
  size_t begin;
  size_t end;
  bool is_match;

  bool operator==(const MatchSpan&) const = default;
};

// A regular expression as tokenizer files write it, in Oniguruma's dialect,
// compiled by PCRE2 after the differences are translated away.
//
// Immutable and thread-safe.
class Regex {
 public:
  // UNIMPLEMENTED (BASE_FEATURE): a construct that the two dialects read
  // differently, or that PCRE2 does not know. INVALID_ARGUMENT (BASE): not a
  // regular expression.
  static absl::StatusOr<Regex> Compile(absl::string_view pattern);

  // Cuts `text`, valid UTF-8, into matches and the runs between them, in
  // order; the spans cover it. Empty matches are spans too.
  //
  // INVALID_ARGUMENT (INPUT): the expression needs too many steps on `text`.
  absl::StatusOr<std::vector<MatchSpan>> Cut(absl::string_view text) const;

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };
  explicit Regex(pcre2_real_code_8* code) : code_(code) {}

  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
};

// `pattern` rewritten so that PCRE2 with UTF, UCP and MULTILINE matches what
// Oniguruma matches. Errors as Regex::Compile; syntax is not checked here.
absl::StatusOr<std::string> TranslateRegex(absl::string_view pattern);

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_REGEX_H_
