// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/split_behavior.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

// "a--b" with one span a dash.
const std::vector<MatchSpan>& Dashes() {
  static const auto* spans = new std::vector<MatchSpan>{
      {0, 1, false}, {1, 2, true}, {2, 3, true}, {3, 4, false}};
  return *spans;
}

std::string Describe(const std::vector<MatchSpan>& spans,
                     absl::string_view text) {
  std::string out;
  for (const MatchSpan& span : spans) {
    absl::StrAppend(&out, "[", text.substr(span.begin, span.end - span.begin),
                    "]");
  }
  return out;
}

std::string Split(SplitBehavior behavior) {
  return Describe(ApplySplitBehavior(Dashes(), behavior), "a--b");
}

TEST(SplitBehaviorTest, EachBehaviorTreatsDelimitersInItsWay) {
  EXPECT_EQ(Split(SplitBehavior::kRemoved), "[a][b]");
  EXPECT_EQ(Split(SplitBehavior::kIsolated), "[a][-][-][b]");
  EXPECT_EQ(Split(SplitBehavior::kContiguous), "[a][--][b]");
  EXPECT_EQ(Split(SplitBehavior::kMergedWithPrevious), "[a-][-][b]");
  EXPECT_EQ(Split(SplitBehavior::kMergedWithNext), "[a][-][-b]");
}

TEST(SplitBehaviorTest, DelimitersAtTheEdgesStandAlone) {
  const std::vector<MatchSpan> spans = {
      {0, 1, true}, {1, 2, false}, {2, 3, true}};
  const auto split = [&](SplitBehavior behavior) {
    return Describe(ApplySplitBehavior(spans, behavior), "-a-");
  };
  EXPECT_EQ(split(SplitBehavior::kMergedWithPrevious), "[-][a-]");
  EXPECT_EQ(split(SplitBehavior::kMergedWithNext), "[-a][-]");
  EXPECT_EQ(split(SplitBehavior::kContiguous), "[-][a][-]");
  EXPECT_EQ(split(SplitBehavior::kRemoved), "[a]");
}

TEST(SplitBehaviorTest, NothingStaysNothing) {
  for (const SplitBehavior behavior :
       {SplitBehavior::kRemoved, SplitBehavior::kIsolated,
        SplitBehavior::kContiguous, SplitBehavior::kMergedWithPrevious,
        SplitBehavior::kMergedWithNext}) {
    EXPECT_TRUE(ApplySplitBehavior({}, behavior).empty());
  }
}

TEST(SplitBehaviorTest, NamesAreThoseOfTheFiles) {
  EXPECT_EQ(ParseSplitBehavior("Removed"), SplitBehavior::kRemoved);
  EXPECT_EQ(ParseSplitBehavior("Isolated"), SplitBehavior::kIsolated);
  EXPECT_EQ(ParseSplitBehavior("Contiguous"), SplitBehavior::kContiguous);
  EXPECT_EQ(ParseSplitBehavior("MergedWithPrevious"),
            SplitBehavior::kMergedWithPrevious);
  EXPECT_EQ(ParseSplitBehavior("MergedWithNext"),
            SplitBehavior::kMergedWithNext);
  EXPECT_EQ(ParseSplitBehavior("isolated"), std::nullopt);
}

}  // namespace
}  // namespace lora
