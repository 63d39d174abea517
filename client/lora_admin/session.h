// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_LORA_ADMIN_SESSION_H_
#define LORA_CLIENT_LORA_ADMIN_SESSION_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/flags/connection_flags.h"

namespace lora::admin {

enum class OutputFormat : uint8_t { kTable, kJson };

// What the program exits with; scripts rely on it.
enum ExitCode : int {
  kOk = 0,
  kRefused = 1,      // The server answered, and not with OK.
  kUsage = 2,        // The command line is wrong.
  kUnreachable = 3,  // No server answered.
};

// The flags that every subcommand takes.
struct GlobalFlags {
  ConnectionFlags connection;
  absl::Duration timeout = absl::InfiniteDuration();
  OutputFormat output = OutputFormat::kTable;
};

// What a subcommand works with.
struct Session {
  Client& client;
  CallOptions call;
  OutputFormat output = OutputFormat::kTable;
};

// What a subcommand does; returns what its call ended with.
using Command = std::function<absl::Status(const Session&)>;

// Connects as `flags` say and runs `command`. An error goes to standard error
// as "error: CODE (REASON): message".
ExitCode RunCommand(const GlobalFlags& flags, const Command& command);

}  // namespace lora::admin

#endif  // LORA_CLIENT_LORA_ADMIN_SESSION_H_
