// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/utf8.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(Utf8Test, EveryScalarValueReadsBackAsItWasWritten) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(c, text);
    const Utf8Head head = ReadUtf8(text);
    ASSERT_EQ(head.kind, Utf8Kind::kCharacter) << uint32_t{c};
    ASSERT_EQ(head.code_point, c);
    ASSERT_EQ(head.length, text.size());
  }
}

struct HeadCase {
  absl::string_view text;
  Utf8Kind kind;
  size_t length;
};

TEST(Utf8Test, IllFormedHeadsAreCutAtTheMaximalPart) {
  const HeadCase cases[] = {
      {"\x80", Utf8Kind::kInvalid, 1},          // A lone continuation.
      {"\xC0\x80", Utf8Kind::kInvalid, 1},      // Overlong.
      {"\xE0\x80\x80", Utf8Kind::kInvalid, 1},  // Overlong.
      {"\xF0\x80\x80\x80", Utf8Kind::kInvalid, 1},
      {"\xED\xA0\x80", Utf8Kind::kInvalid, 1},      // A surrogate.
      {"\xF4\x90\x80\x80", Utf8Kind::kInvalid, 1},  // Past U+10FFFF.
      {"\xF5\x80\x80\x80", Utf8Kind::kInvalid, 1},
      {"\xFF", Utf8Kind::kInvalid, 1},
      {"\xC3(", Utf8Kind::kInvalid, 1},
      {"\xE2\x82(", Utf8Kind::kInvalid, 2},
      {"\xF0\x9F\x98(", Utf8Kind::kInvalid, 3},
      {"\xC3", Utf8Kind::kTruncated, 1},
      {"\xE2\x82", Utf8Kind::kTruncated, 2},
      {"\xF0\x9F\x98", Utf8Kind::kTruncated, 3},
      {"a\xFF", Utf8Kind::kCharacter, 1},
  };
  for (const HeadCase& test_case : cases) {
    const Utf8Head head = ReadUtf8(test_case.text);
    EXPECT_EQ(head.kind, test_case.kind) << test_case.text;
    EXPECT_EQ(head.length, test_case.length) << test_case.text;
  }
}

TEST(Utf8Test, ValidityAndCountsAreOfTheWholeText) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("añ😀"));
  EXPECT_TRUE(IsValidUtf8(absl::string_view("\0a", 2)));
  EXPECT_FALSE(IsValidUtf8("a\xC3"));
  EXPECT_FALSE(IsValidUtf8("\xED\xA0\x80"));
  EXPECT_EQ(CountUtf8(""), 0u);
  EXPECT_EQ(CountUtf8("añ😀"), 3u);
}

}  // namespace
}  // namespace lora
