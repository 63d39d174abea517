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

TEST(PrintableTest, WhatIsTooLongIsCutBetweenCharacters) {
  EXPECT_EQ(Printable("abcdefgh", 8), "abcde...");
  EXPECT_EQ(Printable("abcd\u00e9fgh", 8), "abcd...");
}

}  // namespace
}  // namespace lora
