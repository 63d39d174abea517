// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/substitute.h"
#include "client/lora_admin/commands.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  source <(lora-admin completion bash)
  lora-admin completion zsh > "${fpath[1]}/_lora-admin"
  lora-admin completion fish > ~/.config/fish/completions/lora-admin.fish)";

// $0: subcommands by "|"; $1: words before a subcommand; $2: one case each.
constexpr const char* kBash = R"(# bash completion of lora-admin
_lora_admin() {
  local current=$${COMP_WORDS[COMP_CWORD]} command= word words
  for word in "$${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $$word in
      $0) command=$$word; break ;;
    esac
  done
  case $$command in
    '') words='$1' ;;
$2  esac
  COMPREPLY=($$(compgen -W "$$words" -- "$$current"))
}
complete -o default -F _lora_admin lora-admin
)";

// As kBash, with words that zsh splits itself. From a folder of fpath the first
// TAB runs the whole file as the function that it defines.
constexpr const char* kZsh = R"(#compdef lora-admin
_lora-admin() {
  local command= word line
  for word in "$${words[@]:1:$$((CURRENT - 2))}"; do
    case $$word in
      $0) command=$$word; break ;;
    esac
  done
  case $$command in
    '') line='$1' ;;
$2  esac
  compadd -- $${=line}
  _files
}
if [[ $$funcstack[1] == _lora-admin ]]; then
  _lora-admin "$$@"
else
  compdef _lora-admin lora-admin
fi
)";

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      flags.push_back("--" + name);
    }
  }
  return flags;
}

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  std::vector<const CLI::App*> commands;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    commands.push_back(command);
  }
  return commands;
}

void AppendName(std::string* out, const CLI::App* command) {
  absl::StrAppend(out, command->get_name());
}

std::string ShellScript(const CLI::App& app, const char* form,
                        const char* variable) {
  const std::vector<const CLI::App*> commands = CommandsOf(app);
  const std::string globals = absl::StrJoin(FlagsOf(app), " ");
  std::string cases;
  for (const CLI::App* command : commands) {
    absl::StrAppend(&cases, "    ", command->get_name(), ") ", variable, "='",
                    absl::StrJoin(FlagsOf(*command), " "), " ", globals,
                    "' ;;\n");
  }
  return absl::Substitute(
      form, absl::StrJoin(commands, "|", AppendName),
      absl::StrCat(absl::StrJoin(commands, " ", AppendName), " ", globals),
      cases);
}

std::string FishQuoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "\\'"}}), "'");
}

// One line for each long flag of `app`, under `condition`.
std::string FishFlags(const CLI::App& app, const std::string& condition) {
  std::string lines;
  for (const std::string& flag : FlagsOf(app)) {
    absl::StrAppend(&lines, "complete -c lora-admin", condition, " -l ",
                    flag.substr(2), "\n");
  }
  return lines;
}

std::string FishScript(const CLI::App& app) {
  std::string script =
      absl::StrCat("# fish completion of lora-admin\n", FishFlags(app, ""));
  for (const CLI::App* command : CommandsOf(app)) {
    absl::StrAppend(
        &script, "complete -c lora-admin -n __fish_use_subcommand -f -a ",
        command->get_name(), " -d ", FishQuoted(command->get_description()),
        "\n",
        FishFlags(*command, absl::StrCat(" -n '__fish_seen_subcommand_from ",
                                         command->get_name(), "'")));
  }
  return script;
}

std::string Script(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return ShellScript(app, kBash, "words");
  if (shell == "zsh") return ShellScript(app, kZsh, "line");
  return FishScript(app);
}

}  // namespace

void AddCompletion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print a completion script for a shell");
  command->footer(kFooter);
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->type_name("")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, shell] { std::cout << Script(app, *shell); });
}

}  // namespace lora::admin
