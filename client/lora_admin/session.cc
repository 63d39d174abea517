// SPDX-License-Identifier: Apache-2.0
#include "client/lora_admin/session.h"

#include <iostream>
#include <memory>
#include <string>

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

absl::StatusOr<std::unique_ptr<Client>> Connect(const GlobalFlags& flags) {
  const absl::StatusOr<ClientOptions> options =
      ToClientOptions(flags.connection);
  if (!options.ok()) return options.status();
  return Client::Connect(*options);
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
