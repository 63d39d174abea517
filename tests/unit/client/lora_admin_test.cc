// SPDX-License-Identifier: Apache-2.0
// What all subcommands share: flags, exit codes and help.
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
using ::testing::Not;
using ::testing::StartsWith;

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

TEST_F(LoraAdminTest, CredentialsMayComeFromTheEnvironment) {
  const TestAuthority authority;
  const Identity server = authority.Issue("server");
  const Identity client = authority.Issue("client");
  const std::string ca = WriteTestFile("ca.pem", authority.cert());
  const std::string token = WriteTestFile("token", "s3cret\n");
  StartReadyServer(nullptr,
                   {.tls = {.cert = WriteTestFile("cert.pem", server.cert),
                            .key = WriteTestFile("key.pem", server.key),
                            .client_ca = ca},
                    .auth_token_file = token});
  const ProgramResult result = RunProgram(
      {"/usr/bin/env", absl::StrCat("LORA_ENDPOINT=", target()),
       absl::StrCat("LORA_TLS_CA=", ca),
       absl::StrCat("LORA_TLS_CERT=", WriteTestFile("c.pem", client.cert)),
       absl::StrCat("LORA_TLS_KEY=", WriteTestFile("c.key", client.key)),
       absl::StrCat("LORA_TOKEN_FILE=", token), LORA_ADMIN_PROGRAM, "info"});
  EXPECT_EQ(result.exit_code, kOk) << result.err;
}

// As in a container that asks itself over the loopback interface.
TEST_F(LoraAdminTest, ACertificateForAnotherNameIsAcceptedIfItIsNamed) {
  const TestAuthority authority;
  const Identity server = authority.Issue("lora.example", "DNS:lora.example");
  const std::string ca = WriteTestFile("ca.pem", authority.cert());
  StartReadyServer(nullptr,
                   {.tls = {.cert = WriteTestFile("cert.pem", server.cert),
                            .key = WriteTestFile("key.pem", server.key)}});
  EXPECT_EQ(Run({"--tls-ca", ca, "--timeout", "5s", "info"}).exit_code,
            kUnreachable);
  Succeed({"--tls-ca", ca, "--tls-server-name", "lora.example", "info"});
}

TEST_F(LoraAdminTest, AStartingServerWasReachedAndRefused) {
  StartServer();
  const ProgramResult result = Run({"info"});
  EXPECT_EQ(result.exit_code, kRefused);
  EXPECT_THAT(result.err, StartsWith("error: UNAVAILABLE (STARTING): "));
}

TEST_F(LoraAdminTest, ATimeoutEndsTheCall) {
  StartReadyServer();
  ProgramResult result{.exit_code = kUnreachable};
  // On a busy machine a short one ends before there is a connection.
  for (const char* timeout : {"500ms", "5s", "50s"}) {
    if (result.exit_code != kUnreachable) break;
    result = Run({"generate", "--prompt", "hi", "--timeout", timeout});
  }
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

// Every command that talks to the server, as it succeeds with an adapter "sql".
const std::vector<std::vector<std::string>>& Calls() {
  static const auto& calls = *new std::vector<std::vector<std::string>>{
      {"load", "other", "/adapters/other"},
      {"update", "sql", "--pin"},
      {"list"},
      {"list", "--merged"},
      {"get", "sql"},
      {"validate", "/adapters/sql"},
      {"merge", "sql"},
      {"unmerge", "--component", "sql"},
      {"generate", "--prompt", "hi"},
      {"generate", "--prompt", "hi", "-o", "json"},
      {"tokenize", "--prompt", "hi"},
      {"info"},
      {"unload", "sql"}};
  return calls;
}

TEST_F(LoraAdminTest, EveryCallThatSucceedsExitsWithZero) {
  StartReadyServer(EchoScript);
  Load("sql");
  for (const std::vector<std::string>& call : Calls()) Succeed(call);
}

TEST_F(LoraAdminTest, EveryCallThatIsRefusedExitsWithOne) {
  StartReadyServer(EchoScript,
                   {.auth_token_file = WriteTestFile("token", "s3cret")});
  std::vector<std::vector<std::string>> calls = Calls();
  calls.push_back({"watch"});
  for (const std::vector<std::string>& call : calls) {
    EXPECT_EQ(Run(call).exit_code, kRefused) << ::testing::PrintToString(call);
  }
}

TEST(LoraAdminExitTest, EveryCallWithoutAServerExitsWithThree) {
  // A port that was free a moment ago.
  const std::string target = FlakyServer().target();
  std::vector<std::vector<std::string>> calls = Calls();
  calls.push_back({"watch"});
  for (std::vector<std::string> call : calls) {
    call.insert(call.end(), {"--endpoint", target, "--timeout", "100ms"});
    EXPECT_EQ(RunAdmin(call).exit_code, kUnreachable)
        << ::testing::PrintToString(call);
  }
}

TEST(LoraAdminExitTest, EveryCommandRefusesAnUnknownFlagWithTwo) {
  for (const char* command : kAdminCommands) {
    EXPECT_EQ(RunAdmin({command, "--unknown"}).exit_code, kUsage) << command;
  }
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
           {"generate", "--adapter", "a", "stray", "--prompt", "b"},
           {"generate", "--stop", "a", "stray", "--prompt", "b"},
           {"unmerge", "--component", "a", "stray"},
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
  for (const std::string command : kAdminCommands) {
    const ProgramResult help = RunAdmin({command, "--help"});
    EXPECT_EQ(help.exit_code, kOk);
    EXPECT_THAT(help.out, HasSubstr("Examples:")) << command;
    EXPECT_THAT(help.out, HasSubstr("lora-admin " + command)) << command;
    EXPECT_THAT(help.out, HasSubstr("every command, such as --endpoint"));
  }
}

TEST(LoraAdminHelpTest, ChoicesAreShownAsTheyAreWritten) {
  EXPECT_THAT(RunAdmin({"--help"}).out, HasSubstr("--output table|json=table"));
  EXPECT_THAT(RunAdmin({"load", "--help"}).out,
              HasSubstr("--warm-tier disk|host "));
  EXPECT_THAT(RunAdmin({"generate", "--help"}).out,
              AllOf(HasSubstr("--path auto|unmerged|merged "),
                    HasSubstr("--stop TEXT "), Not(HasSubstr("TEXT ..."))));
  EXPECT_THAT(RunAdmin({"generate", "--path", "2"}).err,
              HasSubstr("'2' is none of auto|unmerged|merged"));
}

TEST(LoraAdminHelpTest, TheVersionIsTheReleases) {
  const ProgramResult version = RunAdmin({"--version"});
  EXPECT_EQ(version.exit_code, kOk);
  EXPECT_THAT(version.out, ::testing::MatchesRegex("lora-admin [0-9.]+\n"));
}

}  // namespace
}  // namespace lora
