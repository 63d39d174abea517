// SPDX-License-Identifier: Apache-2.0
#include "client/lora_admin/command_line.h"

#include <CLI/CLI.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/flags/choice.h"
#include "client/flags/duration.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/session.h"
#include "server/base/version.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin load sql-writer /adapters/sql-writer
  lora-admin generate --adapter sql-writer --prompt 'SELECT'
  lora-admin list -o json
  lora-admin unload sql-writer

Exit codes: 0 OK, 1 the server refused, 2 usage, 3 no server answered.)";

// Of every command.
constexpr const char* kGlobalFooter = R"(

Flags of every command, such as --endpoint and -o: lora-admin --help)";

void AddGlobalFlags(CLI::App& app, GlobalFlags& flags) {
  AddConnectionFlags(app, flags.connection);
  AddDuration(
      app, "--timeout",
      [&flags](absl::Duration timeout) { flags.timeout = timeout; },
      "Longest wait for an answer, such as 30s (default: no limit)");
  AddChoice(app, "-o,--output", flags.output,
            {{"table", OutputFormat::kTable}, {"json", OutputFormat::kJson}},
            "Text for people or JSON for programs")
      ->default_str("table");
}

void AddCommands(CLI::App& app, Command& chosen) {
  AddLoad(app, chosen);
  AddUnload(app, chosen);
  AddUpdate(app, chosen);
  AddList(app, chosen);
  AddGet(app, chosen);
  AddWatch(app, chosen);
  AddValidate(app, chosen);
  AddMerge(app, chosen);
  AddUnmerge(app, chosen);
  AddGenerate(app, chosen);
  AddTokenize(app, chosen);
  AddInfo(app, chosen);
  AddCompletion(app);
  for (CLI::App* command : app.get_subcommands(nullptr)) {
    command->footer(absl::StrCat(command->get_footer(), kGlobalFooter));
  }
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  CLI::App app("Controls a lora-server.", "lora-admin");
  app.set_version_flag("--version", absl::StrCat("lora-admin ", Version()));
  app.require_subcommand(1);
  app.fallthrough();  // Global flags may follow the subcommand.
  app.footer(kFooter);
  GlobalFlags flags;
  AddGlobalFlags(app, flags);
  Command chosen;
  AddCommands(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kOk : kUsage;
  }
  return chosen ? RunCommand(flags, chosen) : kOk;
}

}  // namespace lora::admin
