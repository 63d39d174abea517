// SPDX-License-Identifier: Apache-2.0
// The scripts of `lora-admin completion`, run by the shells that are there;
// bash always is.
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/client/lora_admin_test_util.h"
#include "tests/unit/rpc/test_certificates.h"

namespace lora {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

std::string Script(const std::string& shell) {
  const ProgramResult script = RunAdmin({"completion", shell});
  EXPECT_EQ(script.exit_code, kOk) << script.err;
  return script.out;
}

// Runs `code` in bash; fails the test unless it succeeds.
std::string Bash(const std::string& code) {
  const ProgramResult result = RunProgram({"/bin/bash", "-c", code});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result.out;
}

bool HasShell(const std::string& shell) {
  return RunProgram({"/bin/bash", "-c", "command -v " + shell}).exit_code == 0;
}

// A folder that holds zsh's script, as one of fpath.
std::string ZshFolder() {
  const std::string file = WriteTestFile("zsh", Script("zsh"));
  const std::string folder = file + "-functions";
  std::filesystem::create_directories(folder);
  std::filesystem::rename(file, folder + "/_lora-admin");
  return folder;
}

TEST(LoraAdminCompletionTest, EveryShellIsOfferedEveryCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = Script(shell);
    for (const char* command : kAdminCommands) {
      EXPECT_THAT(script, HasSubstr(command)) << shell;
    }
  }
}

TEST(LoraAdminCompletionTest, NoServerAndNoCredentialsAreNeeded) {
  const ProgramResult script =
      RunProgram({"/usr/bin/env", "LORA_TOKEN_FILE=/nowhere/token",
                  LORA_ADMIN_PROGRAM, "completion", "bash"});
  EXPECT_EQ(script.exit_code, kOk) << script.err;
}

TEST(LoraAdminCompletionTest, BashCompletesCommandsAndTheirFlags) {
  const std::string script = Script("bash");
  const auto complete = [&script](const std::string& words) {
    return Bash(absl::StrCat(script, "\nCOMP_WORDS=(lora-admin ", words,
                             ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                             "_lora_admin\n"
                             "printf '%s\\n' \"${COMPREPLY[@]}\"\n"));
  };
  EXPECT_EQ(complete("unl"), "unload\n");
  EXPECT_EQ(complete("load --repl"), "--replace\n");
  EXPECT_EQ(complete("load --end"), "--endpoint\n");
  EXPECT_EQ(complete("--endpoint host:1 load --repl"), "--replace\n");
  EXPECT_EQ(complete("unmerge --comp"), "--component\n");
  EXPECT_EQ(complete("unload --repl"), "\n");
}

TEST(LoraAdminCompletionTest, BashKnowsWhatToComplete) {
  EXPECT_THAT(Bash(Script("bash") + "\ncomplete -p lora-admin\n"),
              MatchesRegex("complete .*-F _lora_admin lora-admin\n"));
}

// The first TAB runs an autoloaded file: it must complete then, not only define
// the function.
TEST(LoraAdminCompletionTest, ZshCompletesWithTheFirstTab) {
  const std::string script = Script("zsh");
  EXPECT_THAT(script, StartsWith("#compdef lora-admin\n"));
  EXPECT_THAT(script, EndsWith("if [[ $funcstack[1] == _lora-admin ]]; then\n"
                               "  _lora-admin \"$@\"\n"
                               "else\n"
                               "  compdef _lora-admin lora-admin\n"
                               "fi\n"));
  if (!HasShell("zsh")) return;
  const std::string zsh = absl::StrCat(
      "exec zsh -f -c '"
      "compadd() { print -r -- $@ }; _files() { }\n"
      "fpath=(",
      ZshFolder(),
      "); autoload -Uz _lora-admin\n"
      "words=(lora-admin load --) CURRENT=3; _lora-admin; _lora-admin'");
  EXPECT_THAT(Bash(zsh),
              MatchesRegex("-- .*--replace .*\n-- .*--replace .*\n"));
}

TEST(LoraAdminCompletionTest, ZshCanSourceTheScript) {
  if (!HasShell("zsh")) return;
  EXPECT_EQ(Bash(absl::StrCat("exec zsh -f -c 'compdef() { print -r -- $@ }\n"
                              "source ",
                              ZshFolder(), "/_lora-admin'")),
            "_lora-admin lora-admin\n");
}

TEST(LoraAdminCompletionTest, FishCompletesCommandsAndTheirFlags) {
  const std::string file = WriteTestFile("fish", Script("fish"));
  if (!HasShell("fish")) return;
  const auto complete = [&file](const std::string& line) {
    return Bash(absl::StrCat("exec fish --no-config -c 'source ", file,
                             "; complete -C \"lora-admin ", line, "\"'"));
  };
  EXPECT_THAT(complete("unl"), StartsWith("unload\t"));
  EXPECT_THAT(complete("load --repl"), StartsWith("--replace"));
  EXPECT_THAT(complete("load --end"), StartsWith("--endpoint"));
}

}  // namespace
}  // namespace lora
