// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/unicode.h"

#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(UnicodeTest, WhiteSpaceIsTheUnicodeProperty) {
  int count = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) count += IsWhiteSpace(c) ? 1 : 0;
  EXPECT_EQ(count, 25);
  EXPECT_TRUE(IsWhiteSpace(U'\u00A0'));
  EXPECT_TRUE(IsWhiteSpace(U'\u3000'));
  EXPECT_FALSE(IsWhiteSpace(U'\u180E'));
  EXPECT_FALSE(IsWhiteSpace(U'\u200B'));
  EXPECT_FALSE(IsWhiteSpace(0x1C));
}

TEST(UnicodeTest, WordCharactersAreLettersMarksDigitsConnectorsAndJoiners) {
  for (const char32_t c : U"aZ9_ñ字\u0301\u203F\u200D\u2160Ⓐ") {
    if (c != 0) {
      EXPECT_TRUE(IsWordCharacter(c)) << static_cast<uint32_t>(c);
    }
  }
  for (const char32_t c : U" -.²½😀€\u200B") {
    EXPECT_FALSE(IsWordCharacter(c)) << static_cast<uint32_t>(c);
  }
}

TEST(UnicodeTest, NumericAreDigitsLetterNumbersAndFractions) {
  for (const char32_t c : {U'0', U'٣', U'²', U'½', U'Ⅷ'}) {
    EXPECT_TRUE(IsNumeric(c)) << static_cast<uint32_t>(c);
  }
  EXPECT_FALSE(IsNumeric(U'a'));
  EXPECT_FALSE(IsNumeric(U'一'));
}

TEST(UnicodeTest, WhiteSpaceAtTheEdgesIsMeasuredInBytes) {
  EXPECT_EQ(LeadingWhiteSpace(" \u3000\ta "), 5u);
  EXPECT_EQ(TrailingWhiteSpace(" a\t\u3000 "), 5u);
  EXPECT_EQ(LeadingWhiteSpace(" \n"), 2u);
  EXPECT_EQ(TrailingWhiteSpace(" \n"), 2u);
  EXPECT_EQ(LeadingWhiteSpace(""), 0u);
  EXPECT_EQ(TrailingWhiteSpace("ñ"), 0u);
}

TEST(UnicodeTest, FirstAndLastCharactersAreWhole) {
  EXPECT_EQ(FirstCharacter("😀ab"), U'😀');
  EXPECT_EQ(LastCharacter("ab😀"), U'😀');
  EXPECT_EQ(LastCharacter("a"), U'a');
}

TEST(UnicodeTest, LowerCaseIsCharacterByCharacter) {
  EXPECT_EQ(ToLowerCase("ÀB ΑΣ ẞ İ 字"), "àb ασ ß i\u0307 字");
}

TEST(UnicodeTest, NormalizationFormsComposeAndDecompose) {
  const char* decomposed = "e\u0301\uFB01";
  EXPECT_EQ(NormalizeUnicode(decomposed, NormalizationForm::kNfc),
            "\u00E9\uFB01");
  EXPECT_EQ(NormalizeUnicode("\u00E9\uFB01", NormalizationForm::kNfd),
            decomposed);
  EXPECT_EQ(NormalizeUnicode(decomposed, NormalizationForm::kNfkc), "\u00E9fi");
  EXPECT_EQ(NormalizeUnicode("\u00E9\uFB01", NormalizationForm::kNfkd),
            "e\u0301fi");
  EXPECT_EQ(NormalizeUnicode("\uAC01", NormalizationForm::kNfd),
            "\u1100\u1161\u11A8");
  EXPECT_EQ(NormalizeUnicode("plain", NormalizationForm::kNfkd), "plain");
}

}  // namespace
}  // namespace lora
