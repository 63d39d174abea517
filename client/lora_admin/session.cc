// SPDX-License-Identifier: Apache-2.0
#include "client/lora_admin/session.h"

#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/status.h"

namespace lora::admin {
namespace {

void PrintError(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  std::cerr << "error: " << absl::StatusCodeToString(status.code())
            << (reason.empty() ? "" : absl::StrCat(" (", reason, ")")) << ": "
            << status.message() << "\n";
}

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

absl::StatusOr<std::unique_ptr<Client>> Connect(const GlobalFlags& flags) {
  absl::StatusOr<std::string> token = ReadToken(flags.token_file);
  if (!token.ok()) return token.status();
  ClientOptions options{.endpoint = flags.endpoint, .token = *token};
  if (!flags.tls_ca.empty() || !flags.tls_cert.empty() ||
      !flags.tls_key.empty()) {
    options.tls = ClientTls{.ca_file = flags.tls_ca,
                            .cert_file = flags.tls_cert,
                            .key_file = flags.tls_key};
  }
  return Client::Connect(options);
}

}  // namespace

ExitCode RunCommand(const GlobalFlags& flags, const Command& command) {
  const absl::StatusOr<std::unique_ptr<Client>> client = Connect(flags);
  if (!client.ok()) {
    PrintError(client.status());
    return kUsage;
  }
  const absl::Status status = command({.client = **client,
                                       .call = {.timeout = flags.timeout},
                                       .output = flags.output});
  if (status.ok()) return kOk;
  PrintError(status);
  return IsUnreachable(status) ? kUnreachable : kRefused;
}

}  // namespace lora::admin
