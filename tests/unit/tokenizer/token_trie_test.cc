// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/token_trie.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

std::string Describe(const std::optional<TokenTrie::Match>& match) {
  if (!match.has_value()) return "none";
  return absl::StrCat(match->begin, "-", match->end, "=", match->value);
}

TEST(TokenTrieTest, FindsTheLeftmostAndThenTheLongest) {
  TokenTrie trie;
  trie.Add("ab", 1);
  trie.Add("abcd", 2);
  trie.Add("c", 3);
  EXPECT_EQ(Describe(trie.Find("xabcd", 0)), "1-5=2");
  EXPECT_EQ(Describe(trie.Find("xabc", 0)), "1-3=1");
  EXPECT_EQ(Describe(trie.Find("xabc", 2)), "3-4=3");
  EXPECT_EQ(Describe(trie.Find("xyz", 0)), "none");
  EXPECT_EQ(Describe(trie.Find("", 0)), "none");
  EXPECT_EQ(Describe(trie.Find("ab", 5)), "none");
}

TEST(TokenTrieTest, TheFirstOfEqualTextsStays) {
  TokenTrie trie;
  trie.Add("a", 1);
  trie.Add("a", 2);
  EXPECT_EQ(Describe(trie.Find("a", 0)), "0-1=1");
}

TEST(TokenTrieTest, EmptyTextsAreLeftOut) {
  TokenTrie trie;
  trie.Add("", 1);
  EXPECT_EQ(Describe(trie.Find("a", 0)), "none");
}

TEST(TokenTrieTest, MatchesBytesOfAnyValue) {
  TokenTrie trie;
  trie.Add("é", 1);
  trie.Add("\xFF", 2);
  EXPECT_EQ(Describe(trie.Find("eé", 0)), "1-3=1");
  EXPECT_EQ(Describe(trie.Find("e\xFF", 0)), "1-2=2");
}

}  // namespace
}  // namespace lora
