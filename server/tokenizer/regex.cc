// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "server/tokenizer/regex.h"

#include <pcre2.h>

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

// Steps that one match may take: far above what the families' expressions
// need on any text, far below what would hold a thread for long.
constexpr uint32_t kMatchLimit = 10'000'000;

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const {
    pcre2_match_context_free(context);
  }
};

std::string ErrorText(int code) {
  PCRE2_UCHAR buffer[256];
  if (pcre2_get_error_message(code, buffer, sizeof(buffer)) < 0) {
    return absl::StrCat("PCRE2 error ", code);
  }
  return reinterpret_cast<const char*>(buffer);
}

// One scan over one text.
class Matcher {
 public:
  Matcher(const pcre2_code* code, absl::string_view text)
      : code_(code),
        text_(text),
        data_(pcre2_match_data_create_from_pattern(code, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(context_.get(), kMatchLimit);
  }

  // Finds the first match at or after `start`; false when there is none.
  absl::StatusOr<bool> Find(size_t start) {
    int rc = Run(start, PCRE2_NO_UTF_CHECK);
    // The compiled code has a small stack of its own; the interpreter takes
    // what it needs from the heap.
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
      rc = Run(start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
    }
    if (rc == PCRE2_ERROR_NOMATCH) return false;
    if (rc < 0) {
      return Error(
          absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
          absl::StrCat("the tokenizer's regular expression failed on "
                       "this text at byte ",
                       start, ": ", ErrorText(rc), "; send a shorter text"));
    }
    return true;
  }

  size_t begin() const { return pcre2_get_ovector_pointer(data_.get())[0]; }
  size_t end() const { return pcre2_get_ovector_pointer(data_.get())[1]; }

 private:
  int Run(size_t start, uint32_t options) {
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text_.data()),
                       text_.size(), start, options, data_.get(),
                       context_.get());
  }

  const pcre2_code* code_;
  absl::string_view text_;
  std::unique_ptr<pcre2_match_data, FreeMatchData> data_;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context_;
};

}  // namespace

void Regex::FreeCode::operator()(pcre2_real_code_8* code) const {
  pcre2_code_free(code);
}

absl::StatusOr<Regex> Regex::Compile(absl::string_view pattern) {
  LORA_ASSIGN_OR_RETURN(const std::string translated, TranslateRegex(pattern));
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
      &offset, nullptr);
  if (code == nullptr) {
    const bool is_property = error == PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY;
    return Error(is_property ? absl::StatusCode::kUnimplemented
                             : absl::StatusCode::kInvalidArgument,
                 is_property ? ErrorReason::kBaseFeature : ErrorReason::kBase,
                 absl::StrCat("the regular expression \"", pattern,
                              "\" does not compile: ", ErrorText(error)));
  }
  Regex regex(code);
  // Without a JIT for this machine the interpreter matches the same.
  (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return regex;
}

absl::StatusOr<std::vector<MatchSpan>> Regex::Cut(
    absl::string_view text) const {
  std::vector<MatchSpan> spans;
  Matcher matcher(code_.get(), text);
  size_t covered = 0;  // Bytes that are in spans; also the last match's end.
  size_t start = 0;
  bool has_match = false;
  while (start <= text.size()) {
    LORA_ASSIGN_OR_RETURN(const bool found, matcher.Find(start));
    if (!found) break;
    const size_t begin = matcher.begin();
    const size_t end = matcher.end();
    if (begin == end && has_match && end == covered) {
      // An empty match right after a match is none: go on one character later.
      if (start == text.size()) break;
      start += ReadUtf8(text.substr(start)).length;
      continue;
    }
    if (covered < begin) spans.push_back({covered, begin, false});
    spans.push_back({begin, end, true});
    covered = start = end;
    has_match = true;
  }
  if (covered < text.size()) spans.push_back({covered, text.size(), false});
  return spans;
}

}  // namespace lora
