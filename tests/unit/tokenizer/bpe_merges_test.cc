// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/bpe_merges.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

using ::testing::ElementsAre;

using Ids = std::vector<int32_t>;

Ids Apply(const BpeMerges& merges, const Ids& word) {
  BpeWorkspace workspace;
  for (const int32_t id : word) workspace.Append(id);
  merges.Apply(workspace);
  Ids merged;
  workspace.CopyTo(merged);
  return merged;
}

TEST(BpeMergesTest, TheLowestRankGoesFirst) {
  BpeMerges merges;
  merges.Add(1, 2, /*rank=*/1, /*result=*/12);
  merges.Add(2, 3, /*rank=*/0, /*result=*/23);
  EXPECT_THAT(Apply(merges, {1, 2, 3}), ElementsAre(1, 23));
}

TEST(BpeMergesTest, OfEqualRanksTheLeftmostGoesFirst) {
  BpeMerges merges;
  merges.Add(1, 1, /*rank=*/0, /*result=*/11);
  EXPECT_THAT(Apply(merges, {1, 1, 1}), ElementsAre(11, 1));
}

TEST(BpeMergesTest, ResultsMergeOn) {
  BpeMerges merges;
  merges.Add(1, 1, 0, 11);
  merges.Add(11, 11, 1, 22);
  merges.Add(22, 1, 2, 33);
  EXPECT_THAT(Apply(merges, {1, 1, 1, 1, 1}), ElementsAre(33));
}

TEST(BpeMergesTest, ALaterMergeOfAPairReplacesTheEarlier) {
  BpeMerges merges;
  merges.Add(1, 2, 0, 7);
  merges.Add(1, 2, 5, 8);
  EXPECT_THAT(Apply(merges, {1, 2}), ElementsAre(8));
}

TEST(BpeMergesTest, WordsWithoutMergesStay) {
  BpeMerges merges;
  EXPECT_THAT(Apply(merges, {}), ElementsAre());
  EXPECT_THAT(Apply(merges, {5}), ElementsAre(5));
  EXPECT_THAT(Apply(merges, {5, 6}), ElementsAre(5, 6));
}

// The definition, as plainly as it goes.
Ids ApplySlowly(const std::map<std::pair<int32_t, int32_t>,
                               std::pair<int32_t, int32_t>>& merges,
                Ids word) {
  while (true) {
    size_t best = word.size();
    for (size_t i = 0; i + 1 < word.size(); ++i) {
      const auto it = merges.find({word[i], word[i + 1]});
      if (it == merges.end()) continue;
      if (best == word.size() ||
          it->second.first < merges.at({word[best], word[best + 1]}).first) {
        best = i;
      }
    }
    if (best == word.size()) return word;
    word[best] = merges.at({word[best], word[best + 1]}).second;
    word.erase(word.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(BpeMergesTest, RandomWordsMergeAsTheDefinitionSays) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    BpeMerges merges;
    std::map<std::pair<int32_t, int32_t>, std::pair<int32_t, int32_t>> plain;
    int32_t next_id = 3;
    for (int32_t rank = 0; rank < 12; ++rank) {
      const std::pair<int32_t, int32_t> pair(
          static_cast<int32_t>(random() % next_id),
          static_cast<int32_t>(random() % next_id));
      if (!plain.emplace(pair, std::make_pair(rank, next_id)).second) continue;
      merges.Add(pair.first, pair.second, rank, next_id++);
    }
    Ids word(random() % 40);
    for (int32_t& id : word) id = static_cast<int32_t>(random() % 3);
    EXPECT_EQ(Apply(merges, word), ApplySlowly(plain, word));
  }
}

TEST(BpeMergesTest, AWorkspaceServesManyWords) {
  BpeMerges merges;
  merges.Add(1, 2, 0, 3);
  BpeWorkspace workspace;
  for (int i = 0; i < 3; ++i) {
    workspace.Clear();
    workspace.Append(1);
    workspace.Append(2);
    merges.Apply(workspace);
    Ids merged;
    workspace.CopyTo(merged);
    EXPECT_THAT(merged, ElementsAre(3));
  }
}

}  // namespace
}  // namespace lora
