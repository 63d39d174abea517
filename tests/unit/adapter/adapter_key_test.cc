// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_key.h"

#include <string>

#include "absl/hash/hash_testing.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

TEST(AdapterKeyTest, LettersDigitsAndThreeMarksMakeAnId) {
  for (const std::string& id :
       {std::string("a"), std::string("7"), std::string("sql-writer_v1.2"),
        std::string(128, 'x')}) {
    EXPECT_OK(CheckAdapterId(id)) << id;
  }
}

TEST(AdapterKeyTest, WhatIsNoIdIsRefused) {
  for (const std::string& id :
       {std::string(), std::string("."), std::string("../a"), std::string("-a"),
        std::string("_a"), std::string("a/b"), std::string("a b"),
        std::string("é"), std::string("a\0b", 3), std::string(129, 'x')}) {
    EXPECT_THAT(CheckAdapterId(id), StatusIs(absl::StatusCode::kInvalidArgument,
                                             ErrorReason::kAdapterId))
        << id;
  }
}

TEST(AdapterKeyTest, WhatHasNoIdIsNamedByItsSource) {
  EXPECT_EQ(AdapterLabel(AdapterId("sql"), "dir"), "adapter \"sql\"");
  EXPECT_EQ(AdapterLabel(AdapterId("(new)"), "dir"), "the adapter in \"dir\"");
}

TEST(AdapterKeyTest, KeysDifferByIdAndByContent) {
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly({
      AdapterKey{},
      AdapterKey{AdapterId("a"), "1"},
      AdapterKey{AdapterId("a"), "2"},
      AdapterKey{AdapterId("b"), "1"},
  }));
}

}  // namespace
}  // namespace lora
