// SPDX-License-Identifier: Apache-2.0
// The program as its users see it: arguments in, text, a file and the exit code
// out.
#include <string>
#include <vector>

#include "server/base/file.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/rpc_test_util.h"
#include "tests/unit/rpc/test_certificates.h"

namespace lora::loadgen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kMaxJsonBytes = 1 << 20;

// Against the real services over fakes.
class LoadgenProgramTest : public RpcTest {
 protected:
  void Start(RpcServerOptions options = {}) {
    StartReadyServer(EchoScript, std::move(options));
    engine_->set_info({.base_name = "tiny", .vocab_size = 100});
    for (const char* id : {"a", "b"}) {
      AdapterInfo info;
      info.id = AdapterId(id);
      plane_.Put(info);
    }
  }

  // `before`: what stands before the program's name, such as env.
  ProgramResult Run(std::vector<std::string> arguments,
                    std::vector<std::string> before = {}) const {
    std::vector<std::string> line = std::move(before);
    line.insert(line.end(), {LOADGEN_PROGRAM, "--endpoint", target()});
    line.insert(line.end(), arguments.begin(), arguments.end());
    return RunProgram(line);
  }
};

TEST_F(LoadgenProgramTest, ARunPrintsTablesAndWritesJson) {
  Start();
  const std::string file = WriteTestFile("run.json", "");
  const ProgramResult result =
      Run({"--requests", "8", "--concurrency", "2", "--popularity", "distinct",
           "--warm-up", "2", "--prompt-tokens", "3", "--json", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("8 requests in "),
                                HasSubstr("slowest / fastest adapter: ")));
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(file, kMaxJsonBytes));
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(text));
  EXPECT_EQ(json["requests"], 8);
  EXPECT_EQ(json["errors"], 0);
  EXPECT_EQ(json["by_adapter"].size(), 2);
  EXPECT_EQ(json["run"]["model"], "tiny");
  EXPECT_EQ(json["run"]["popularity"], "distinct");
  EXPECT_EQ(json["run"]["adapters"], Json({"a", "b"}));
  EXPECT_EQ(json["run"]["requests"], 8);
  EXPECT_EQ(json["run"]["warm_up"], 2);
}

TEST_F(LoadgenProgramTest, FailedRequestsAreAFailedRun) {
  Start();
  const ProgramResult result =
      Run({"--requests", "2", "--adapters", "missing"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("error: NOT_FOUND (ADAPTER): 2 requests"));
}

TEST_F(LoadgenProgramTest, TheTokenMayComeFromTheEnvironment) {
  const std::string token = WriteTestFile("token", "s3cret\n");
  Start({.auth_token_file = token});
  EXPECT_EQ(
      Run({"--requests", "1"}, {"/usr/bin/env", "LORA_TOKEN_FILE=" + token})
          .exit_code,
      0);
  const ProgramResult refused = Run({"--requests", "1"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, StartsWith("error: UNAUTHENTICATED (AUTH): "));
}

TEST(LoadgenExitTest, WhatStopsTheProgramIsInItsExitCode) {
  EXPECT_EQ(RunProgram({LOADGEN_PROGRAM, "--rate", "fast"}).exit_code, 2);
  EXPECT_EQ(
      RunProgram({LOADGEN_PROGRAM, "--token-file", "/nowhere/token"}).exit_code,
      2);
  EXPECT_EQ(
      RunProgram({LOADGEN_PROGRAM, "--tls-ca", "/nowhere/ca.pem"}).exit_code,
      2);
  EXPECT_EQ(
      RunProgram({LOADGEN_PROGRAM, "--endpoint", "127.0.0.1:1"}).exit_code, 3);
}

}  // namespace
}  // namespace lora::loadgen
