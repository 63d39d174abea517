// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_RPC_TEST_CERTIFICATES_H_
#define LORA_TESTS_UNIT_RPC_TEST_CERTIFICATES_H_

#include <memory>
#include <string>

namespace lora {

// A certificate and its key, in PEM.
struct Identity {
  std::string cert;
  std::string key;
};

// A certificate authority of one test: makes keys and signs them.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();

  // The authority's own certificate, in PEM.
  const std::string& cert() const { return cert_; }
  // A new identity for `names`, signed by this authority.
  Identity Issue(const std::string& common_name,
                 const std::string& names = "DNS:localhost,IP:127.0.0.1") const;

 private:
  struct Signer;
  std::unique_ptr<Signer> signer_;
  std::string cert_;
};

// Writes `content` to a file of this process, which goes when the process ends,
// and returns its path.
std::string WriteTestFile(const std::string& name, const std::string& content);

}  // namespace lora

#endif  // LORA_TESTS_UNIT_RPC_TEST_CERTIFICATES_H_
