// SPDX-License-Identifier: Apache-2.0
#include "server/engine/stop_matcher.h"

#include <gtest/gtest.h>

namespace lora {
namespace {

TEST(StopMatcherTest, WithoutStopsNothingMatchesAndNothingIsHeldBack) {
  const StopMatcher matcher({});
  EXPECT_FALSE(matcher.Find("anything", 0).has_value());
  EXPECT_EQ(matcher.HeldBack("anything"), 0u);
}

TEST(StopMatcherTest, FindsTheFirstOccurrenceOfAnyStop) {
  const StopMatcher matcher({"END", "\n"});
  const auto match = matcher.Find("one\ntwo END", 0);
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->begin, 3u);
  EXPECT_EQ(match->stop, "\n");
}

TEST(StopMatcherTest, OfStopsThatBeginTogetherTheLongestIsReported) {
  const StopMatcher matcher({"ab", "abc"});
  EXPECT_EQ(matcher.Find("xabcd", 0)->stop, "abc");
}

TEST(StopMatcherTest, FindsAStopThatBeganInKnownText) {
  const StopMatcher matcher({"stop"});
  EXPECT_EQ(matcher.Find("text stop", 7)->begin, 5u);
}

TEST(StopMatcherTest, HoldsBackTheLongestBeginningOfAStop) {
  const StopMatcher matcher({"abcd", "cde"});
  EXPECT_EQ(matcher.HeldBack("xab"), 2u);
  EXPECT_EQ(matcher.HeldBack("xabc"), 3u);
  EXPECT_EQ(matcher.HeldBack("xcd"), 2u);
  EXPECT_EQ(matcher.HeldBack("xyz"), 0u);
  EXPECT_EQ(matcher.HeldBack(""), 0u);
}

TEST(StopMatcherTest, ARepeatingStopIsHeldBackCorrectly) {
  const StopMatcher matcher({"aab"});
  EXPECT_EQ(matcher.HeldBack("aaa"), 2u);
  EXPECT_EQ(matcher.Find("aaab", 3)->begin, 1u);
}

}  // namespace
}  // namespace lora
