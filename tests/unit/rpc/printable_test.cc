// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/printable.h"

#include <gtest/gtest.h>

namespace lora {
namespace {

TEST(PrintableTest, TextStaysAsItIs) {
  EXPECT_EQ(Printable("/srv/caf\u00e9/\U0001F600", 100),
            "/srv/caf\u00e9/\U0001F600");
}

TEST(PrintableTest, BytesThatAreNotUtf8BecomeQuestionMarks) {
  EXPECT_EQ(Printable("/srv/caf\xE9", 100), "/srv/caf?");
  EXPECT_EQ(Printable("\xED\xA0\x80", 100), "???");  // A surrogate.
  EXPECT_EQ(Printable("\xC0\x80", 100), "??");       // An overlong form.
}

TEST(PrintableTest, OfWhatIsTooLongTheMiddleIsCutBetweenCharacters) {
  EXPECT_EQ(Printable("abcdefgh", 8), "abcdefgh");
  EXPECT_EQ(Printable("abcdefghi", 8), "ab...ghi");
  EXPECT_EQ(Printable("a\u00e9cdefg\u00e9h", 8), "a...\u00e9h");
}

}  // namespace
}  // namespace lora
