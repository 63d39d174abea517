// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/listen_address.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

TEST(ListenAddressTest, LoopbackIsThisMachine) {
  for (const char* text :
       {"127.0.0.1:50051", "127.255.0.9:1", "[::1]:0", "localhost:65535",
        "unix:/run/lora.sock", "unix:relative.sock"}) {
    ASSERT_OK_AND_ASSIGN(const ListenAddress address, ParseListenAddress(text));
    EXPECT_EQ(address.text, text);
    EXPECT_EQ(address.reach, Reach::kThisMachine) << text;
  }
}

TEST(ListenAddressTest, EverythingElseIsTheNetwork) {
  for (const char* text :
       {"0.0.0.0:50051", "[::]:50051", "10.0.0.1:1", "128.0.0.1:1",
        "example.com:1", "localhost.example.com:1", "[::ffff:127.0.0.1]:1",
        "127.0.0.1.nip.io:1"}) {
    ASSERT_OK_AND_ASSIGN(const ListenAddress address, ParseListenAddress(text));
    EXPECT_EQ(address.reach, Reach::kNetwork) << text;
  }
}

TEST(ListenAddressTest, MalformedAddressesAreRefused) {
  for (const char* text : {"", "50051", "127.0.0.1", "127.0.0.1:", ":50051",
                           "[]:1", "127.0.0.1:65536", "127.0.0.1:-1",
                           "127.0.0.1:http", "::1:50051", "unix:"}) {
    EXPECT_THAT(
        ParseListenAddress(text),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam))
        << text;
  }
}

TEST(ListenAddressTest, TheMessageShowsWhatWasFoundAndExpected) {
  EXPECT_THAT(
      ParseListenAddress("::1:50051"),
      MessageIs(::testing::AllOf(::testing::HasSubstr("'::1:50051'"),
                                 ::testing::HasSubstr("expected HOST:PORT"))));
}

}  // namespace
}  // namespace lora
