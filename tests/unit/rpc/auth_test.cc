// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/auth.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

TEST(ReadTokenTest, SurroundingWhiteSpaceIsNotPartOfTheToken) {
  const TemporaryFolder folder;
  EXPECT_THAT(ReadToken(folder.Write("token", " s3cret+/=\r\n")),
              IsOkAndHolds("s3cret+/="));
}

TEST(ReadTokenTest, AFileWithoutAUsableTokenIsRefused) {
  const TemporaryFolder folder;
  for (const std::string content :
       {"", "\n \n", "two words", "two\nlines", "caf\xC3\xA9", "bell\a"}) {
    EXPECT_THAT(
        ReadToken(folder.Write("token", content)),
        StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kAuth))
        << content;
  }
}

TEST(ReadTokenTest, AMissingFileIsNamed) {
  EXPECT_THAT(
      ReadToken("/nowhere/token"),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kAuth));
  EXPECT_THAT(ReadToken("/nowhere/token"),
              MessageIs(HasSubstr("/nowhere/token")));
}

TEST(CheckAuthorizationTest, TheRightTokenPasses) {
  EXPECT_OK(CheckAuthorization("Bearer s3cret", "s3cret"));
  EXPECT_OK(CheckAuthorization("bearer s3cret", "s3cret"));
}

TEST(CheckAuthorizationTest, WithoutATokenEverybodyPasses) {
  EXPECT_OK(CheckAuthorization("", ""));
  EXPECT_OK(CheckAuthorization("Bearer anything", ""));
}

TEST(CheckAuthorizationTest, OthersAreRefused) {
  for (const char* header :
       {"", "s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2",
        "Bearer S3CRET", "Basic s3cret", "Bearer  s3cret"}) {
    EXPECT_THAT(
        CheckAuthorization(header, "s3cret"),
        StatusIs(absl::StatusCode::kUnauthenticated, ErrorReason::kAuth))
        << header;
  }
}

TEST(CheckAuthorizationTest, TheMessageNeverHoldsAToken) {
  const absl::Status status = CheckAuthorization("Bearer guess", "s3cret");
  EXPECT_THAT(status, MessageIs(::testing::Not(HasSubstr("s3cret"))));
  EXPECT_THAT(status, MessageIs(::testing::Not(HasSubstr("guess"))));
}

class ExposureTest : public ::testing::Test {
 protected:
  absl::Status Check() const {
    return CheckExposure({"0.0.0.0:1", Reach::kNetwork}, options_);
  }
  RpcServerOptions options_;
};

TEST_F(ExposureTest, LoopbackNeedsNothing) {
  EXPECT_OK(CheckExposure({"127.0.0.1:1", Reach::kThisMachine}, options_));
}

TEST_F(ExposureTest, TheNetworkIsRefusedByDefault) {
  EXPECT_THAT(Check(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                ErrorReason::kAuth));
  EXPECT_THAT(Check(), MessageIs(HasSubstr("--insecure")));
}

TEST_F(ExposureTest, ServerCertificatesAloneDoNotSayWhoCalls) {
  options_.tls.cert = "cert.pem";
  options_.tls.key = "key.pem";
  EXPECT_THAT(Check(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ExposureTest, ClientCertificatesATokenOrInsecureAllowIt) {
  options_.tls.client_ca = "ca.pem";
  EXPECT_OK(Check());
  options_ = {.auth_token_file = "token"};
  EXPECT_OK(Check());
  options_ = {.insecure = true};
  EXPECT_OK(Check());
}

}  // namespace
}  // namespace lora
