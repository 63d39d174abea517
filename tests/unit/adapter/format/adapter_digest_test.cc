// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/adapter_digest.h"

#include <gtest/gtest.h>

#include "server/base/sha256.h"

namespace lora {
namespace {

TEST(AdapterDigestTest, IsTheHashOfOneLineForEachFile) {
  EXPECT_EQ(AdapterDigest({{"a", 3, "00ff"}, {"b", 12, "abcd"}}),
            Sha256Hex("a 3 00ff\nb 12 abcd\n"));
}

TEST(AdapterDigestTest, TheOrderOfTheFilesDoesNotMatter) {
  EXPECT_EQ(AdapterDigest({{"b", 1, "01"}, {"a", 2, "02"}}),
            AdapterDigest({{"a", 2, "02"}, {"b", 1, "01"}}));
}

TEST(AdapterDigestTest, NamesLengthsAndContentsMatter) {
  const std::string digest = AdapterDigest({{"a", 1, "01"}});
  EXPECT_NE(AdapterDigest({{"b", 1, "01"}}), digest);
  EXPECT_NE(AdapterDigest({{"a", 2, "01"}}), digest);
  EXPECT_NE(AdapterDigest({{"a", 1, "02"}}), digest);
  EXPECT_NE(AdapterDigest({{"a", 1, "01"}, {"b", 0, ""}}), digest);
}

}  // namespace
}  // namespace lora
