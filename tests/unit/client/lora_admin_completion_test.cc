// SPDX-License-Identifier: Apache-2.0
// The scripts of `lora-admin completion`, run by their shells.
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/client/lora_admin_test_util.h"

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
  const TemporaryFolder folder;
  folder.Write("_lora-admin", script);
  const std::string zsh = absl::StrCat(
      "exec zsh -f -c '"
      "compadd() { print -r -- $@ }; _files() { }\n"
      "fpath=(",
      folder.string(),
      "); autoload -Uz _lora-admin\n"
      "words=(lora-admin load --) CURRENT=3; _lora-admin; _lora-admin'");
  EXPECT_THAT(Bash(zsh),
              MatchesRegex("-- .*--replace .*\n-- .*--replace .*\n"));
}

TEST(LoraAdminCompletionTest, ZshCanSourceTheScript) {
  const TemporaryFolder folder;
  const std::string file = folder.Write("_lora-admin", Script("zsh"));
  EXPECT_EQ(Bash(absl::StrCat("exec zsh -f -c 'compdef() { print -r -- $@ }\n"
                              "source ",
                              file, "'")),
            "_lora-admin lora-admin\n");
}

TEST(LoraAdminCompletionTest, FishCompletesCommandsAndTheirFlags) {
  const TemporaryFolder folder;
  const std::string file = folder.Write("lora-admin.fish", Script("fish"));
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
