// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/client/lora_admin_test_util.h"

#include <utility>

namespace lora {

ProgramResult RunAdmin(std::vector<std::string> arguments,
                       const std::string& input) {
  arguments.insert(arguments.begin(), LORA_ADMIN_PROGRAM);
  return RunProgram(arguments, input);
}

std::vector<std::string> LoraAdminTest::CommandLine(
    const std::vector<std::string>& arguments) const {
  std::vector<std::string> line = {LORA_ADMIN_PROGRAM, "--endpoint", target()};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return line;
}

ProgramResult LoraAdminTest::Run(const std::vector<std::string>& arguments,
                                 const std::string& input) const {
  return RunProgram(CommandLine(arguments), input);
}

std::string LoraAdminTest::Succeed(const std::vector<std::string>& arguments,
                                   const std::string& input) const {
  const ProgramResult result = Run(arguments, input);
  EXPECT_EQ(result.exit_code, kOk) << result.err;
  return result.out;
}

nlohmann::json LoraAdminTest::SucceedWithJson(
    std::vector<std::string> arguments) const {
  arguments.insert(arguments.end(), {"-o", "json"});
  nlohmann::json json = nlohmann::json::parse(Succeed(arguments), nullptr,
                                              /*allow_exceptions=*/false);
  EXPECT_FALSE(json.is_discarded());
  return json;
}

void LoraAdminTest::Load(const std::string& id) const {
  Succeed({"load", id, "/adapters/" + id});
}

}  // namespace lora
