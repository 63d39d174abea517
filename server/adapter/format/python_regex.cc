// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/python_regex.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/adapter/format/peft_fields.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr size_t kMaxPatternBytes = 512;
constexpr int64_t kMaxProgramBytes = int64_t{1} << 20;

re2::StringPiece Piece(absl::string_view text) {
  return re2::StringPiece(text.data(), text.size());
}

absl::Status Refuse(absl::string_view pattern, absl::string_view why) {
  return ConfigError(
      ErrorReason::kRegex,
      absl::StrCat("the expression \"", pattern.substr(0, kMaxPatternBytes),
                   "\" ", why));
}

// Whether `text` starts with flags for the whole expression: "(?im)".
bool StartsWithFlags(absl::string_view text) {
  if (text.substr(0, 2) != "(?") return false;
  size_t i = 2;
  while (i < text.size() && absl::ascii_isalpha(text[i])) ++i;
  return i > 2 && i < text.size() && text[i] == ')';
}

// What RE2 reads and Python does not, or reads as something else.
absl::Status CheckPythonSyntax(absl::string_view pattern, RegexPlace place) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    const absl::string_view rest = pattern.substr(i);
    if (rest[0] == '\\') {
      const char escaped = rest.size() > 1 ? rest[1] : '\0';
      if (absl::string_view("CEPQpz").find(escaped) !=
          absl::string_view::npos) {
        return Refuse(pattern, absl::StrCat("holds \\", std::string(1, escaped),
                                            ", which Python refuses"));
      }
      ++i;
    } else if (rest.substr(0, 2) == "{,") {
      return Refuse(pattern, "holds {,n}; write {0,n}");
    } else if (StartsWithFlags(rest) &&
               (i > 0 || place == RegexPlace::kInside)) {
      return Refuse(pattern,
                    "holds flags that are not at its start once PEFT has "
                    "wrapped it; write (?i:...)");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const RE2>> CompilePythonRegex(
    absl::string_view before, absl::string_view pattern,
    absl::string_view after, RegexPlace place) {
  if (pattern.size() > kMaxPatternBytes) {
    return Refuse(pattern.substr(0, 64),
                  absl::StrCat("... is ", pattern.size(),
                               " bytes long; the limit is ", kMaxPatternBytes));
  }
  LORA_RETURN_IF_ERROR(CheckPythonSyntax(pattern, place));
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxProgramBytes);
  // Unbalanced parentheses must not pair up with those around the pattern.
  const RE2 alone(Piece(pattern), options);
  if (!alone.ok()) {
    return Refuse(pattern, absl::StrCat("is not supported: ", alone.error()));
  }
  const std::string whole = absl::StrCat(before, pattern, after);
  auto regex = std::make_unique<const RE2>(whole, options);
  if (!regex->ok()) {
    return Refuse(pattern, absl::StrCat("is not supported: ", regex->error()));
  }
  return regex;
}

bool MatchesAtStart(const RE2& regex, absl::string_view text) {
  return regex.Match(Piece(text), 0, text.size(), RE2::ANCHOR_START, nullptr,
                     0);
}

bool MatchesWhole(const RE2& regex, absl::string_view text) {
  return regex.Match(Piece(text), 0, text.size(), RE2::ANCHOR_BOTH, nullptr, 0);
}

}  // namespace lora
