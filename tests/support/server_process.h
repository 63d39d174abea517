// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_SERVER_PROCESS_H_
#define LORA_TESTS_SUPPORT_SERVER_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "tests/support/program.h"

namespace lora {

struct ServerOptions {
  std::string model = "examples/skills/base";
  // LoadAdapter may read below it; empty: nowhere.
  std::string adapter_root = "examples/skills/adapters";
  int threads = 1;
  std::vector<std::string> flags;
};

// The real lora-server on a free loopback port. Thread-safe, except for
// program().Wait and Stop.
//
// Its end is part of every test: unless the test has waited for it, the
// destructor stops the server and expects that it ends well.
class ServerProcess {
 public:
  // Returns when it is ready. UNAVAILABLE: it ended before; the message is its
  // log.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const ServerOptions& options = {});

  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Sends SIGTERM and waits for the end. What it exited with; 128 + SIGKILL: it
  // had to be killed, since it did not end.
  int Stop();

  const std::string& endpoint() const { return endpoint_; }
  Program& program() { return *program_; }
  // Shared by all callers; does not retry.
  Client& client() { return *client_; }
  // A connection of its own.
  absl::StatusOr<std::unique_ptr<Client>> Connect() const;

  // Asks for ServerInfo again and again until `condition` holds; false: a
  // minute has passed.
  bool WaitUntil(absl::FunctionRef<bool(const v1::ServerInfo&)> condition);
  // The same with adapter `id`, which need not be there yet.
  bool WaitUntilAdapter(const std::string& id,
                        absl::FunctionRef<bool(const v1::Adapter&)> condition);

 private:
  ServerProcess(std::unique_ptr<Program> program, std::string endpoint,
                std::unique_ptr<Client> client);

  const std::unique_ptr<Program> program_;
  const std::string endpoint_;
  const std::unique_ptr<Client> client_;
};

// Runs the real lora-admin against `endpoint`.
ProgramResult RunAdmin(const std::string& endpoint,
                       const std::vector<std::string>& arguments,
                       const std::string& input = "");
// Its command line, for Program.
std::vector<std::string> AdminCommand(
    const std::string& endpoint, const std::vector<std::string>& arguments);

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_SERVER_PROCESS_H_
