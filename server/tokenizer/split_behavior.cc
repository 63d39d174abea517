// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/split_behavior.h"

#include <algorithm>

namespace lora {
namespace {

std::vector<MatchSpan> DropMatches(std::vector<MatchSpan> cut) {
  cut.erase(std::remove_if(cut.begin(), cut.end(),
                           [](const MatchSpan& span) { return span.is_match; }),
            cut.end());
  return cut;
}

std::vector<MatchSpan> FuseEqualNeighbours(const std::vector<MatchSpan>& cut) {
  std::vector<MatchSpan> out;
  for (const MatchSpan& span : cut) {
    if (!out.empty() && out.back().is_match == span.is_match) {
      out.back().end = span.end;
    } else {
      out.push_back(span);
    }
  }
  return out;
}

// A match joins the span before it, unless that is a match as well.
std::vector<MatchSpan> MergeBackwards(const std::vector<MatchSpan>& cut) {
  std::vector<MatchSpan> out;
  bool after_match = false;
  for (const MatchSpan& span : cut) {
    if (span.is_match && !after_match && !out.empty()) {
      out.back().end = span.end;
    } else {
      out.push_back(span);
    }
    after_match = span.is_match;
  }
  return out;
}

// A match joins the span after it, unless that is a match as well.
std::vector<MatchSpan> MergeForwards(const std::vector<MatchSpan>& cut) {
  std::vector<MatchSpan> out;
  bool before_match = false;
  for (auto span = cut.rbegin(); span != cut.rend(); ++span) {
    if (span->is_match && !before_match && !out.empty()) {
      out.back().begin = span->begin;
    } else {
      out.push_back(*span);
    }
    before_match = span->is_match;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

std::optional<SplitBehavior> ParseSplitBehavior(absl::string_view name) {
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  return std::nullopt;
}

std::vector<MatchSpan> ApplySplitBehavior(std::vector<MatchSpan> cut,
                                          SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      return DropMatches(std::move(cut));
    case SplitBehavior::kIsolated:
      return cut;
    case SplitBehavior::kContiguous:
      return FuseEqualNeighbours(cut);
    case SplitBehavior::kMergedWithPrevious:
      return MergeBackwards(cut);
    case SplitBehavior::kMergedWithNext:
      return MergeForwards(cut);
  }
  return cut;
}

}  // namespace lora
