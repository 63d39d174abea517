// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_TEXT_H_
#define LORA_SERVER_TOKENIZER_JINJA_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lora::jinja {

// Python's operations on strings, over valid UTF-8.

enum class StripSides { kLeft, kRight, kBoth };

// `text` without leading or trailing characters: white space as Python sees it
// (str.isspace), or the characters of `characters`.
absl::string_view StripText(absl::string_view text, StripSides sides);
absl::string_view StripText(absl::string_view text, StripSides sides,
                            absl::string_view characters);

// The words between runs of white space; at most `max_splits` cuts, then the
// rest.
std::vector<absl::string_view> SplitWords(absl::string_view text,
                                          std::optional<int64_t> max_splits);

// The parts between separators; at most `max_splits` cuts, from the left or,
// in the second, from the right. `separator` is not empty.
std::vector<absl::string_view> SplitText(absl::string_view text,
                                         absl::string_view separator,
                                         std::optional<int64_t> max_splits);
std::vector<absl::string_view> SplitTextFromRight(
    absl::string_view text, absl::string_view separator,
    std::optional<int64_t> max_splits);

// The lines, without their ends, as str.splitlines sees them.
std::vector<absl::string_view> SplitLines(absl::string_view text);

// `text` with the first `max_count` (or all) occurrences replaced. An empty
// `from` stands between all characters.
std::string ReplaceText(absl::string_view text, absl::string_view from,
                        absl::string_view to, std::optional<int64_t> max_count);

std::string UpperCase(absl::string_view text);
// The first character in upper case, the rest in lower case.
std::string Capitalize(absl::string_view text);
// str.title: the first letter of every run of letters in upper case.
std::string TitleCase(absl::string_view text);

// The characters of `text`, one by one.
std::vector<absl::string_view> Characters(absl::string_view text);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_TEXT_H_
