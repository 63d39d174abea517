// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/rpc/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

constexpr long kValidSeconds = 24 * 60 * 60;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

Key NewKey() { return Key(EVP_EC_gen("P-256"), &EVP_PKEY_free); }

template <typename Write>
std::string ToPem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  write(bio.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, size);
}

std::string CertPem(X509* cert) {
  return ToPem([cert](BIO* bio) { PEM_write_bio_X509(bio, cert); });
}

std::string KeyPem(EVP_PKEY* key) {
  return ToPem([key](BIO* bio) {
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void AddExtension(X509* cert, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

// An unsigned certificate of `key`.
Certificate NewCertificate(const std::string& common_name, EVP_PKEY* key) {
  static long serial = 0;
  Certificate cert(X509_new(), &X509_free);
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -kValidSeconds);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), kValidSeconds);
  X509_set_pubkey(cert.get(), key);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return cert;
}

}  // namespace

struct TestAuthority::Signer {
  Key key = NewKey();
  Certificate cert = NewCertificate("test authority", key.get());

  void Sign(X509* other) const {
    X509_set_issuer_name(other, X509_get_subject_name(cert.get()));
    X509_sign(other, key.get(), EVP_sha256());
  }
};

TestAuthority::TestAuthority() : signer_(std::make_unique<Signer>()) {
  X509* cert = signer_->cert.get();
  AddExtension(cert, NID_basic_constraints, "critical,CA:TRUE");
  signer_->Sign(cert);
  cert_ = CertPem(cert);
}

TestAuthority::~TestAuthority() = default;

Identity TestAuthority::Issue(const std::string& common_name,
                              const std::string& names) const {
  const Key key = NewKey();
  const Certificate cert = NewCertificate(common_name, key.get());
  AddExtension(cert.get(), NID_subject_alt_name, names.c_str());
  signer_->Sign(cert.get());
  return {CertPem(cert.get()), KeyPem(key.get())};
}

std::string WriteTestFile(const std::string& name, const std::string& content) {
  static const TemporaryFolder folder;
  return folder.Write(name, content);
}

}  // namespace lora
