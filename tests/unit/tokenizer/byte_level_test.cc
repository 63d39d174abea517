// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/byte_level.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/tokenizer/unicode.h"
#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

using ::testing::Eq;
using ::testing::Optional;

TEST(ByteLevelTest, EveryByteHasACharacterOfItsOwn) {
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    const std::string character = ToByteLevel(text);
    EXPECT_EQ(CountUtf8(character), 1u);
    EXPECT_FALSE(IsWhiteSpace(FirstCharacter(character))) << byte;
    EXPECT_THAT(FromByteLevel(character), Optional(Eq(text)));
    characters.insert(character);
  }
  EXPECT_EQ(characters.size(), 256u);
}

TEST(ByteLevelTest, KnownBytesHaveTheCharactersOfGpt2) {
  EXPECT_EQ(ToByteLevel("a b\n"), "aĠbĊ");
  EXPECT_EQ(ToByteLevel("é"), "Ã©");
  EXPECT_EQ(ToByteLevel("\xAD\x7F\x80"), "ŃġĢ");
}

TEST(ByteLevelTest, CharactersOutsideTheAlphabetAreNoBytes) {
  EXPECT_EQ(FromByteLevel("a b"), std::nullopt);
  EXPECT_EQ(FromByteLevel("▁a"), std::nullopt);
  EXPECT_EQ(FromByteLevel("\u0144"), std::nullopt);
  EXPECT_THAT(FromByteLevel(""), Optional(Eq("")));
}

}  // namespace
}  // namespace lora
