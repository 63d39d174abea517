// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merged_set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "absl/hash/hash.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/lora/lora_test_util.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

TEST(MergedSetTest, OrderDoesNotMatter) {
  ASSERT_OK_AND_ASSIGN(const MergedSet ab,
                       CanonicalSet({{KeyOf("a"), 1.0f}, {KeyOf("b"), 2.0f}}));
  ASSERT_OK_AND_ASSIGN(const MergedSet ba,
                       CanonicalSet({{KeyOf("b"), 2.0f}, {KeyOf("a"), 1.0f}}));
  EXPECT_EQ(ab, ba);
  EXPECT_EQ(absl::HashOf(ab), absl::HashOf(ba));
  EXPECT_EQ(MergedId(ab), MergedId(ba));
}

TEST(MergedSetTest, WeightsVersionsAndSizesMatter) {
  AdapterKey other_version = KeyOf("a");
  other_version.digest = "other";
  const std::vector<std::vector<WeightedKey>> sets = {
      {{KeyOf("a"), 1.0f}},
      {{KeyOf("a"), -1.0f}},
      {{KeyOf("b"), 1.0f}},
      {{other_version, 1.0f}},
      {{KeyOf("a"), 1.0f}, {KeyOf("b"), 1.0f}}};
  for (size_t i = 0; i < sets.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NE(MergedId(*CanonicalSet(sets[i])),
                MergedId(*CanonicalSet(sets[j])))
          << i << " and " << j;
    }
  }
}

TEST(MergedSetTest, ThereIsOneZero) {
  EXPECT_EQ(MergedId(*CanonicalSet({{KeyOf("a"), 0.0f}})),
            MergedId(*CanonicalSet({{KeyOf("a"), -0.0f}})));
}

TEST(MergedSetTest, AnIdIs32HexDigits) {
  const std::string id = MergedId(*CanonicalSet({{KeyOf("a"), 1.0f}}));
  EXPECT_EQ(id.size(), 32u);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(MergedSetTest, HoldsItsKeysInTheirVersion) {
  ASSERT_OK_AND_ASSIGN(const MergedSet set, CanonicalSet({{KeyOf("a"), 1.0f}}));
  EXPECT_TRUE(set.Holds(KeyOf("a")));
  EXPECT_FALSE(set.Holds(KeyOf("b")));
  EXPECT_FALSE(set.Holds({AdapterId("a"), "other"}));
}

TEST(MergedSetTest, WhatIsNoSetIsRefused) {
  for (const std::vector<WeightedKey>& components :
       std::vector<std::vector<WeightedKey>>{
           {},
           {{KeyOf("a"), 1.0f}, {KeyOf("a"), 2.0f}},
           {{KeyOf("a"), std::nanf("")}},
           {{KeyOf("a"), std::numeric_limits<float>::infinity()}}}) {
    EXPECT_THAT(
        CanonicalSet(components),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights));
  }
  EXPECT_THAT(CanonicalSet({{KeyOf("a"), 1.0f}, {KeyOf("a"), 2.0f}}),
              MessageIs(HasSubstr("\"a\"")));
}

}  // namespace
}  // namespace lora
