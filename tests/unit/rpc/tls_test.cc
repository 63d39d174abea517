// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/tls.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/test_certificates.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    const Identity server = authority_.Issue("server");
    files_.cert = WriteTestFile("cert.pem", server.cert);
    files_.key = WriteTestFile("key.pem", server.key);
    files_.client_ca = WriteTestFile("ca.pem", authority_.cert());
  }

  void ExpectUnusable(const std::string& path, const std::string& what) {
    const auto creds = BuildServerCredentials(files_);
    EXPECT_THAT(creds, StatusIs(absl::StatusCode::kFailedPrecondition,
                                ErrorReason::kAuth));
    EXPECT_THAT(creds, MessageIs(AllOf(HasSubstr(path), HasSubstr(what))));
  }

  const TestAuthority authority_;
  TlsFiles files_;
};

TEST_F(TlsTest, NoFilesMeanPlainText) { EXPECT_OK(BuildServerCredentials({})); }

TEST_F(TlsTest, MatchingFilesAreTaken) {
  EXPECT_OK(BuildServerCredentials(files_));
  files_.client_ca.clear();
  EXPECT_OK(BuildServerCredentials(files_));
}

TEST_F(TlsTest, HalfOfThePairIsRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const TlsFiles& files :
       {TlsFiles{.cert = files_.cert}, TlsFiles{.key = files_.key},
        TlsFiles{.client_ca = files_.client_ca},
        TlsFiles{.cert = files_.cert, .client_ca = files_.client_ca}}) {
    EXPECT_THAT(BuildServerCredentials(files),
                StatusIs(kInvalid, ErrorReason::kParam));
  }
}

TEST_F(TlsTest, AMissingFileIsNamed) {
  files_.cert = "/nowhere/cert.pem";
  ExpectUnusable("/nowhere/cert.pem", "TLS file");
}

TEST_F(TlsTest, AFileThatIsNotACertificateIsNamed) {
  files_.cert = WriteTestFile("broken.pem", "not PEM");
  ExpectUnusable("broken.pem", "no certificate");
}

TEST_F(TlsTest, AFileThatIsNotAKeyIsNamed) {
  files_.key = files_.cert;
  ExpectUnusable("cert.pem", "no private key");
}

TEST_F(TlsTest, AnotherCertificatesKeyIsNamed) {
  files_.key = WriteTestFile("other.pem", authority_.Issue("other").key);
  ExpectUnusable("other.pem", "not the private key");
}

TEST_F(TlsTest, AnAuthorityWithoutCertificateIsNamed) {
  files_.client_ca = WriteTestFile("empty.pem", "");
  ExpectUnusable("empty.pem", "no certificate");
}

}  // namespace
}  // namespace lora
