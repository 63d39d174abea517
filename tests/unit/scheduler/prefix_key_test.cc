// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/prefix_key.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/fakes/fake_router.h"

namespace lora {
namespace {

const std::vector<int32_t> kTokens = {1, 2, 3, 4};

PrefixKey FirstKey(absl::string_view tag, ExecutionPath path,
                   const std::vector<WeightedKey>& adapters,
                   const std::vector<int32_t>& tokens = kTokens) {
  return PrefixHasher(tag, path, adapters).Next(tokens);
}

const PrefixKey kBase = FirstKey("m", ExecutionPath::kUnmerged, {});

TEST(PrefixKeyTest, EqualInputsGiveEqualKeys) {
  EXPECT_EQ(kBase, FirstKey("m", ExecutionPath::kUnmerged, {}));
}

TEST(PrefixKeyTest, EverythingThatDeterminesTheContentIsInTheKey) {
  const auto unmerged = ExecutionPath::kUnmerged;
  const std::vector<PrefixKey> keys = {
      kBase,
      FirstKey("other model", unmerged, {}),
      FirstKey("m", ExecutionPath::kMerged, {}),
      FirstKey("m", unmerged, {}, {1, 2, 3, 5}),
      FirstKey("m", unmerged, {KeyOf("a")}),
      FirstKey("m", unmerged, {KeyOf("a", 0.5f)}),
      FirstKey("m", unmerged, {KeyOf("a", -0.0f)}),
      FirstKey("m", unmerged, {KeyOf("a", 0.0f)}),
      FirstKey("m", unmerged, {KeyOf("a"), KeyOf("b")}),
      FirstKey("m", unmerged,
               {{.key = {.id = AdapterId("a"), .digest = "replaced"}}})};
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(keys[i], keys[j]) << i << " " << j;
  }
}

TEST(PrefixKeyTest, NamesAndDigestsDoNotRunIntoEachOther) {
  const WeightedKey a{.key = {.id = AdapterId("ab"), .digest = "c"}};
  const WeightedKey b{.key = {.id = AdapterId("a"), .digest = "bc"}};
  EXPECT_NE(FirstKey("m", ExecutionPath::kUnmerged, {a}),
            FirstKey("m", ExecutionPath::kUnmerged, {b}));
}

TEST(PrefixKeyTest, ABlocksKeyDependsOnAllBlocksBeforeIt) {
  PrefixHasher one("m", ExecutionPath::kUnmerged, {});
  PrefixHasher two("m", ExecutionPath::kUnmerged, {});
  one.Next({1, 1});
  two.Next({2, 2});
  EXPECT_NE(one.Next({3, 3}), two.Next({3, 3}));
}

}  // namespace
}  // namespace lora
