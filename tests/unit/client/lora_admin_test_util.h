// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_CLIENT_LORA_ADMIN_TEST_UTIL_H_
#define LORA_TESTS_UNIT_CLIENT_LORA_ADMIN_TEST_UTIL_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {

// What lora-admin exits with.
inline constexpr int kOk = 0;
inline constexpr int kRefused = 1;
inline constexpr int kUsage = 2;
inline constexpr int kUnreachable = 3;

inline constexpr const char* kAdminCommands[] = {
    "load",  "unload",  "update",   "list",     "get",  "watch",     "validate",
    "merge", "unmerge", "generate", "tokenize", "info", "completion"};

// Runs lora-admin to its end.
ProgramResult RunAdmin(std::vector<std::string> arguments,
                       const std::string& input = "");

// lora-admin as its users see it, arguments in, text and exit code out, against
// a real server over fakes.
class LoraAdminTest : public RpcTest {
 protected:
  // The command line of a call to this test's server.
  std::vector<std::string> CommandLine(
      const std::vector<std::string>& arguments) const;

  ProgramResult Run(const std::vector<std::string>& arguments,
                    const std::string& input = "") const;
  // Runs a command that must succeed, and returns its standard output.
  std::string Succeed(const std::vector<std::string>& arguments,
                      const std::string& input = "") const;
  // The same with -o json, parsed.
  nlohmann::json SucceedWithJson(std::vector<std::string> arguments) const;
  void Load(const std::string& id) const;
};

}  // namespace lora

#endif  // LORA_TESTS_UNIT_CLIENT_LORA_ADMIN_TEST_UTIL_H_
