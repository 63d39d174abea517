// SPDX-License-Identifier: Apache-2.0
#include "tests/support/server_process.h"

#include <csignal>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);

std::vector<std::string> ServerCommand(const ServerOptions& options) {
  std::vector<std::string> argv = {LORA_SERVER_PROGRAM,
                                   "--model",
                                   options.model,
                                   "--listen",
                                   "127.0.0.1:0",
                                   "--threads",
                                   absl::StrCat(options.threads)};
  if (!options.adapter_root.empty()) {
    argv.insert(argv.end(), {"--adapter-root", options.adapter_root});
  }
  argv.insert(argv.end(), options.flags.begin(), options.flags.end());
  return argv;
}

absl::StatusOr<std::unique_ptr<Client>> ConnectTo(const std::string& endpoint) {
  return Client::Connect({.endpoint = endpoint, .retry = {.max_attempts = 1}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const ServerOptions& options) {
  auto program = std::make_unique<Program>(ServerCommand(options),
                                           Program::Output::kStderr);
  const std::optional<std::string> listening =
      program->WaitForLine("event=listening");
  if (!listening.has_value() ||
      !program->WaitForLine("event=ready").has_value()) {
    return absl::UnavailableError(
        absl::StrCat("lora-server does not serve:\n", program->output()));
  }
  const std::vector<std::string> parts = absl::StrSplit(*listening, "port=");
  std::string endpoint = absl::StrCat("127.0.0.1:", parts.back());
  absl::StatusOr<std::unique_ptr<Client>> client = ConnectTo(endpoint);
  if (!client.ok()) return client.status();
  return std::unique_ptr<ServerProcess>(new ServerProcess(
      std::move(program), std::move(endpoint), *std::move(client)));
}

ServerProcess::ServerProcess(std::unique_ptr<Program> program,
                             std::string endpoint,
                             std::unique_ptr<Client> client)
    : program_(std::move(program)),
      endpoint_(std::move(endpoint)),
      client_(std::move(client)) {}

ServerProcess::~ServerProcess() {
  if (program_->ended()) return;
  EXPECT_EQ(Stop(), 0) << program_->output();
}

int ServerProcess::Stop() {
  program_->Signal(SIGTERM);
  if (!program_->WaitForEnd(kPatience)) program_->Signal(SIGKILL);
  return program_->Wait();
}

absl::StatusOr<std::unique_ptr<Client>> ServerProcess::Connect() const {
  return ConnectTo(endpoint_);
}

bool ServerProcess::WaitUntil(
    absl::FunctionRef<bool(const v1::ServerInfo&)> condition) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline) {
    const absl::StatusOr<v1::ServerInfo> info = client_->GetServerInfo();
    if (info.ok() && condition(*info)) return true;
  }
  return false;
}

bool ServerProcess::WaitUntilAdapter(
    const std::string& id,
    absl::FunctionRef<bool(const v1::Adapter&)> condition) {
  const absl::Time deadline = absl::Now() + kPatience;
  v1::GetAdapterRequest request;
  request.set_adapter_id(id);
  while (absl::Now() < deadline) {
    const absl::StatusOr<v1::Adapter> adapter = client_->GetAdapter(request);
    if (adapter.ok() && condition(*adapter)) return true;
  }
  return false;
}

std::vector<std::string> AdminCommand(
    const std::string& endpoint, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {LORA_ADMIN_PROGRAM, "--endpoint", endpoint};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

ProgramResult RunAdmin(const std::string& endpoint,
                       const std::vector<std::string>& arguments,
                       const std::string& input) {
  return RunProgram(AdminCommand(endpoint, arguments), input);
}

}  // namespace lora
