// SPDX-License-Identifier: Apache-2.0
// What all subcommands share: flags, exit codes, help and completion.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/client/flaky_server.h"
#include "tests/unit/client/lora_admin_test_util.h"
#include "tests/unit/rpc/test_certificates.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kCommands[] = {
    "load",  "unload",  "update",   "list",     "get",  "watch",     "validate",
    "merge", "unmerge", "generate", "tokenize", "info", "completion"};

TEST_F(LoraAdminTest, ErrorsHaveCodeReasonAndMessage) {
  StartReadyServer();
  const ProgramResult result = Run({"get", "nobody"});
  EXPECT_EQ(result.exit_code, kRefused);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            "error: NOT_FOUND (ADAPTER): there is no adapter 'nobody', load it "
            "first\n");
}

TEST_F(LoraAdminTest, InfoShowsTheServer) {
  StartReadyServer();
  engine_->set_info({.base_name = "tiny",
                     .model_type = "llama",
                     .kv = {.capacity_bytes = 2048, .used_bytes = 512},
                     .running_requests = 1,
                     .max_queue = 9});
  EXPECT_THAT(Succeed({"info"}),
              AllOf(HasSubstr("base model     tiny (llama)\n"),
                    HasSubstr("KV memory      512 B of 2.0 KiB\n"),
                    HasSubstr("requests       1 running, 0 of 9 queued\n")));
  EXPECT_EQ(SucceedWithJson({"info"})["base_model"]["name"], "tiny");
}

TEST_F(LoraAdminTest, TheEndpointMayComeFromTheEnvironment) {
  StartReadyServer();
  const ProgramResult result =
      RunProgram({"/usr/bin/env", absl::StrCat("LORA_ENDPOINT=", target()),
                  LORA_ADMIN_PROGRAM, "info"});
  EXPECT_EQ(result.exit_code, kOk) << result.err;
}

TEST_F(LoraAdminTest, GlobalFlagsMayFollowTheCommand) {
  StartReadyServer();
  EXPECT_EQ(RunAdmin({"info", "--endpoint", target()}).exit_code, kOk);
}

TEST_F(LoraAdminTest, ATokenFileIsUsed) {
  const std::string token = WriteTestFile("token", "s3cret\n");
  StartReadyServer(nullptr, {.auth_token_file = token});
  Succeed({"--token-file", token, "info"});
  const ProgramResult refused = Run({"info"});
  EXPECT_EQ(refused.exit_code, kRefused);
  EXPECT_THAT(refused.err, StartsWith("error: UNAUTHENTICATED (AUTH): "));
}

TEST_F(LoraAdminTest, TlsFilesAreUsed) {
  const TestAuthority authority;
  const Identity server = authority.Issue("server");
  const std::string ca = WriteTestFile("ca.pem", authority.cert());
  StartReadyServer(nullptr,
                   {.tls = {.cert = WriteTestFile("cert.pem", server.cert),
                            .key = WriteTestFile("key.pem", server.key)}});
  Succeed({"--tls-ca", ca, "info"});
}

TEST_F(LoraAdminTest, AStartingServerWasReachedAndRefused) {
  StartServer();
  const ProgramResult result = Run({"info"});
  EXPECT_EQ(result.exit_code, kRefused);
  EXPECT_THAT(result.err, StartsWith("error: UNAVAILABLE (STARTING): "));
}

TEST_F(LoraAdminTest, ATimeoutEndsTheCall) {
  StartReadyServer();
  const ProgramResult result =
      Run({"generate", "--prompt", "hi", "--timeout", "500ms"});
  EXPECT_EQ(result.exit_code, kRefused);
  EXPECT_THAT(result.err, StartsWith("error: DEADLINE_EXCEEDED: "));
}

TEST(LoraAdminExitTest, NobodyListensIsUnreachable) {
  // A port that was free a moment ago.
  const std::string target = FlakyServer().target();
  const ProgramResult result = RunAdmin({"--endpoint", target, "info"});
  EXPECT_EQ(result.exit_code, kUnreachable);
  EXPECT_THAT(result.err, StartsWith("error: UNAVAILABLE: "));
}

TEST(LoraAdminExitTest, SomethingElseThatListensIsUnreachable) {
  const SilentListener listener;
  EXPECT_EQ(
      RunAdmin({"--endpoint", listener.target(), "--timeout", "300ms", "info"})
          .exit_code,
      kUnreachable);
}

TEST(LoraAdminExitTest, AWrongCommandLineIsAUsageError) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {},
           {"nothing"},
           {"load", "only-an-id"},
           {"load", "id", "source", "--unknown"},
           {"load", "id", "source", "--label", "novalue"},
           {"load", "id", "source", "--warm-tier", "device"},
           {"unload", "id", "--drain-timeout", "soon"},
           {"unload", "id", "--drain-timeout", "-1s"},
           {"update", "id"},
           {"update", "id", "--pin", "--unpin"},
           {"merge"},
           {"merge", "a=heavy"},
           {"merge", "a=nan"},
           {"unmerge"},
           {"unmerge", "m", "--component", "a"},
           {"generate", "--prompt", "a", "--chat", "b"},
           {"generate", "--system", "a", "--prompt", "b"},
           {"generate", "--prompt", "a", "--path", "sideways"},
           {"list", "-o", "yaml"},
           {"completion", "tcsh"},
           {"info", "--token-file", "/nowhere/token"},
           {"info", "--tls-ca", "/nowhere/ca.pem"}}) {
    const ProgramResult result = RunAdmin(arguments);
    EXPECT_EQ(result.exit_code, kUsage)
        << ::testing::PrintToString(arguments) << result.err;
    EXPECT_NE(result.err, "");
  }
}

TEST(LoraAdminHelpTest, EveryCommandHasHelpWithExamples) {
  EXPECT_THAT(RunAdmin({"--help"}).out, HasSubstr("Examples:"));
  for (const std::string command : kCommands) {
    const ProgramResult help = RunAdmin({command, "--help"});
    EXPECT_EQ(help.exit_code, kOk);
    EXPECT_THAT(help.out, HasSubstr("Examples:")) << command;
    EXPECT_THAT(help.out, HasSubstr("lora-admin " + command)) << command;
  }
}

TEST(LoraAdminHelpTest, TheVersionIsTheReleases) {
  const ProgramResult version = RunAdmin({"--version"});
  EXPECT_EQ(version.exit_code, kOk);
  EXPECT_THAT(version.out, ::testing::MatchesRegex("lora-admin [0-9.]+\n"));
}

TEST(LoraAdminCompletionTest, EveryShellIsOfferedEveryCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const ProgramResult script = RunAdmin({"completion", shell});
    EXPECT_EQ(script.exit_code, kOk);
    for (const char* command : kCommands) {
      EXPECT_THAT(script.out, HasSubstr(command)) << shell;
    }
  }
}

TEST(LoraAdminCompletionTest, BashCompletesCommandsAndTheirFlags) {
  const std::string script = RunAdmin({"completion", "bash"}).out;
  const auto complete = [&script](const std::string& words) {
    return RunProgram({"/bin/bash", "-c",
                       absl::StrCat(script, "\nCOMP_WORDS=(lora-admin ", words,
                                    ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                                    "_lora_admin\n"
                                    "printf '%s\\n' \"${COMPREPLY[@]}\"\n")})
        .out;
  };
  EXPECT_EQ(complete("unl"), "unload\n");
  EXPECT_EQ(complete("load --repl"), "--replace\n");
  EXPECT_EQ(complete("load --end"), "--endpoint\n");
  EXPECT_EQ(complete("unmerge --comp"), "--component\n");
  EXPECT_EQ(complete("unload --repl"), "\n");
}

}  // namespace
}  // namespace lora
