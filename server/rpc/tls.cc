// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr int64_t kMaxPemBytes = int64_t{1} << 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::Status Unusable(const std::string& path, absl::string_view what) {
  ERR_clear_error();  // OpenSSL's queue is the thread's, not ours to fill.
  return Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kAuth,
               absl::StrCat("TLS file ", path, ": ", what));
}

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxPemBytes);
  if (!pem.ok()) return Unusable(path, pem.status().message());
  return pem;
}

Bio OpenPem(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
             &BIO_free);
}

Certificate ParseCertificate(const std::string& pem) {
  return Certificate(
      PEM_read_bio_X509(OpenPem(pem).get(), nullptr, nullptr, nullptr),
      &X509_free);
}

// Without a passphrase prompt: an encrypted key cannot be read.
PrivateKey ParseKey(const std::string& pem) {
  constexpr char kNoPassphrase[] = "";
  return PrivateKey(
      PEM_read_bio_PrivateKey(OpenPem(pem).get(), nullptr, nullptr,
                              const_cast<char*>(kNoPassphrase)),
      &EVP_PKEY_free);
}

// gRPC would only fail to listen, without a word.
absl::Status CheckPair(const TlsFiles& files, const std::string& cert_pem,
                       const std::string& key_pem) {
  const Certificate cert = ParseCertificate(cert_pem);
  if (cert == nullptr) {
    return Unusable(files.cert, "holds no certificate in PEM format");
  }
  const PrivateKey key = ParseKey(key_pem);
  if (key == nullptr) {
    return Unusable(files.key,
                    "holds no private key in PEM format without a passphrase");
  }
  if (X509_check_private_key(cert.get(), key.get()) != 1) {
    return Unusable(files.key, absl::StrCat("is not the private key of the "
                                            "first certificate in ",
                                            files.cert));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> BuildServerCredentials(
    const TlsFiles& files) {
  if (files.cert.empty() != files.key.empty() ||
      (files.cert.empty() && !files.client_ca.empty())) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
                 "TLS needs --tls-cert and --tls-key together, and "
                 "--tls-client-ca only with them");
  }
  if (files.cert.empty()) return grpc::InsecureServerCredentials();

  LORA_ASSIGN_OR_RETURN(const std::string cert, ReadPem(files.cert));
  LORA_ASSIGN_OR_RETURN(const std::string key, ReadPem(files.key));
  LORA_RETURN_IF_ERROR(CheckPair(files, cert, key));
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  if (!files.client_ca.empty()) {
    LORA_ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem(files.client_ca));
    if (ParseCertificate(options.pem_root_certs) == nullptr) {
      return Unusable(files.client_ca, "holds no certificate in PEM format");
    }
    options.client_certificate_request =
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  options.pem_key_cert_pairs.push_back({key, cert});
  return grpc::SslServerCredentials(options);
}

}  // namespace lora
