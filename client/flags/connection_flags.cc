// SPDX-License-Identifier: Apache-2.0
#include "client/flags/connection_flags.h"

#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace lora {
namespace {

constexpr const char* kGroup = "Server";

// The first line of the file, without blanks around it.
absl::StatusOr<std::string> ReadToken(const std::string& path) {
  if (path.empty()) return "";
  std::ifstream file(path);
  std::string token;
  std::getline(file, token);
  absl::StripAsciiWhitespace(&token);
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("token file ", path, " cannot be read or holds no token"));
  }
  return token;
}

bool UsesTls(const ConnectionFlags& flags) {
  return !flags.tls_ca.empty() || !flags.tls_cert.empty() ||
         !flags.tls_key.empty() || !flags.tls_server_name.empty();
}

}  // namespace

void AddConnectionFlags(CLI::App& app, ConnectionFlags& flags) {
  app.add_option("--endpoint", flags.endpoint, "HOST:PORT or unix:PATH")
      ->envname("LORA_ENDPOINT")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--token-file", flags.token_file, "File with a bearer token")
      ->envname("LORA_TOKEN_FILE")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--tls-ca", flags.tls_ca,
                 "Use TLS; PEM of who signs the server's certificate")
      ->envname("LORA_TLS_CA")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--tls-cert", flags.tls_cert,
                 "Use TLS; PEM of this client's certificate")
      ->envname("LORA_TLS_CERT")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--tls-key", flags.tls_key, "PEM of its private key")
      ->envname("LORA_TLS_KEY")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--tls-server-name", flags.tls_server_name,
                 "Use TLS; the name in the server's certificate, if it is not "
                 "the host of --endpoint")
      ->envname("LORA_TLS_SERVER_NAME")
      ->type_name("NAME")
      ->group(kGroup);
}

absl::StatusOr<ClientOptions> ToClientOptions(const ConnectionFlags& flags) {
  absl::StatusOr<std::string> token = ReadToken(flags.token_file);
  if (!token.ok()) return token.status();
  ClientOptions options{.endpoint = flags.endpoint, .token = *std::move(token)};
  if (UsesTls(flags)) {
    options.tls = ClientTls{.ca_file = flags.tls_ca,
                            .cert_file = flags.tls_cert,
                            .key_file = flags.tls_key,
                            .server_name = flags.tls_server_name};
  }
  return options;
}

}  // namespace lora
