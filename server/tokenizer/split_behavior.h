// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_SPLIT_BEHAVIOR_H_
#define LORA_SERVER_TOKENIZER_SPLIT_BEHAVIOR_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/tokenizer/regex.h"

namespace lora {

// What becomes of the matches of a splitting pattern (the delimiters).
enum class SplitBehavior {
  kRemoved,             // Dropped.
  kIsolated,            // Pieces of their own.
  kContiguous,          // As kIsolated, but neighbouring ones are one piece.
  kMergedWithPrevious,  // The end of the piece before.
  kMergedWithNext,      // The beginning of the piece after.
};

// "MergedWithNext" for kMergedWithNext; nullopt for a name that is none.
std::optional<SplitBehavior> ParseSplitBehavior(absl::string_view name);

// The spans that are left of `cut`, the spans of a text in order; in the
// result `is_match` means nothing.
std::vector<MatchSpan> ApplySplitBehavior(std::vector<MatchSpan> cut,
                                          SplitBehavior behavior);

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_SPLIT_BEHAVIOR_H_
