// SPDX-License-Identifier: Apache-2.0
#include "client/client_options.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace lora {
namespace {

// A page of 1,000 adapters with long warnings fits.
constexpr int kMaxReceiveBytes = 64 << 20;

// An empty path is an empty file.
absl::StatusOr<std::string> ReadPem(const std::string& path) {
  if (path.empty()) return "";
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file || content.str().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "TLS file ", path, " cannot be read or is empty, expected PEM"));
  }
  return content.str();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> BuildCredentials(
    const std::optional<ClientTls>& tls) {
  if (!tls.has_value()) return grpc::InsecureChannelCredentials();
  if (tls->cert_file.empty() != tls->key_file.empty()) {
    return absl::InvalidArgumentError(
        "a client certificate and its key are only used together, but one of "
        "the files is missing");
  }
  const absl::StatusOr<std::string> ca = ReadPem(tls->ca_file);
  if (!ca.ok()) return ca.status();
  const absl::StatusOr<std::string> cert = ReadPem(tls->cert_file);
  if (!cert.ok()) return cert.status();
  const absl::StatusOr<std::string> key = ReadPem(tls->key_file);
  if (!key.ok()) return key.status();
  return grpc::SslCredentials({.pem_root_certs = *ca,
                               .pem_private_key = *key,
                               .pem_cert_chain = *cert});
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(
    const ClientOptions& options) {
  const auto credentials = BuildCredentials(options.tls);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  if (options.tls.has_value() && !options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  }
  return grpc::CreateCustomChannel(options.endpoint, *credentials, arguments);
}

}  // namespace lora
