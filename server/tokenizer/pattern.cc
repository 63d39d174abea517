// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/pattern.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

std::vector<MatchSpan> CutLiteral(absl::string_view text,
                                  absl::string_view literal) {
  std::vector<MatchSpan> spans;
  size_t covered = 0;
  while (!literal.empty()) {
    const size_t begin = text.find(literal, covered);
    if (begin == absl::string_view::npos) break;
    if (covered < begin) spans.push_back({covered, begin, false});
    covered = begin + literal.size();
    spans.push_back({begin, covered, true});
  }
  if (covered < text.size()) spans.push_back({covered, text.size(), false});
  return spans;
}

}  // namespace

absl::StatusOr<Pattern> Pattern::Parse(const Json& spec) {
  if (spec.is_object() && spec.size() == 1 && spec.front().is_string()) {
    const auto& text = spec.front().get_ref<const std::string&>();
    const std::string& kind = spec.begin().key();
    if (kind == "String") return Literal(text);
    if (kind == "Regex") {
      LORA_ASSIGN_OR_RETURN(Regex regex, Regex::Compile(text));
      Pattern pattern;
      pattern.regex_ = std::make_unique<const Regex>(std::move(regex));
      return pattern;
    }
  }
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kBase,
               absl::StrCat("a pattern is of type ", spec.type_name(),
                            "; {\"String\": \"...\"} or {\"Regex\": \"...\"} "
                            "was expected"));
}

Pattern Pattern::Literal(std::string text) {
  Pattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

absl::StatusOr<std::vector<MatchSpan>> Pattern::Cut(
    absl::string_view text) const {
  if (regex_ != nullptr) return regex_->Cut(text);
  return CutLiteral(text, literal_);
}

absl::StatusOr<std::string> Pattern::Replace(absl::string_view text,
                                             absl::string_view content) const {
  LORA_ASSIGN_OR_RETURN(const std::vector<MatchSpan> spans, Cut(text));
  std::string out;
  out.reserve(text.size());
  for (const MatchSpan& span : spans) {
    absl::StrAppend(&out, span.is_match
                              ? content
                              : text.substr(span.begin, span.end - span.begin));
  }
  return out;
}

}  // namespace lora
