// SPDX-License-Identifier: Apache-2.0
#include "server/base/sha256.h"

#include <string>

#include "gtest/gtest.h"

namespace lora {
namespace {

// The examples of FIPS 180-4.
TEST(Sha256Test, AgreesWithTheStandard) {
  EXPECT_EQ(Sha256Hex(""),
            "e3b0c44298fc1c149afbf4c8996fb924"
            "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
      "248d6a61d20638b8e5c026930c3e6039"
      "a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256Test, PiecesHashLikeTheWhole) {
  const std::string text(1000, 'x');
  Sha256 hash;
  hash.Update("");
  hash.Update(absl::string_view(text).substr(0, 1));
  hash.Update(absl::string_view(text).substr(1, 500));
  hash.Update(absl::string_view(text).substr(501));
  EXPECT_EQ(hash.HexDigest(), Sha256Hex(text));
}

}  // namespace
}  // namespace lora
