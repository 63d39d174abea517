// SPDX-License-Identifier: Apache-2.0
#include "client/lora_admin/command_line.h"

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/session.h"
#include "server/base/version.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(
Examples:
  lora-admin load sql-writer /adapters/sql-writer
  lora-admin generate --adapter sql-writer --prompt 'SELECT'
  lora-admin list -o json
  lora-admin unload sql-writer

Exit codes: 0 OK, 1 the server refused, 2 usage, 3 no server answered.)";

void AddGlobalFlags(CLI::App& app, GlobalFlags& flags) {
  app.add_option("--endpoint", flags.endpoint, "Server, HOST:PORT or unix:PATH")
      ->envname("LORA_ENDPOINT")
      ->capture_default_str();
  app.add_option("--token-file", flags.token_file, "File with a bearer token")
      ->envname("LORA_TOKEN_FILE");
  app.add_option("--tls-ca", flags.tls_ca,
                 "Use TLS; PEM of who signs the server's certificate");
  app.add_option("--tls-cert", flags.tls_cert,
                 "Use TLS; PEM of this client's certificate");
  app.add_option("--tls-key", flags.tls_key, "PEM of its private key");
  AddDuration(app, "--timeout", flags.timeout,
              "Longest wait for an answer, 30s (default: none)");
  app.add_option("-o,--output", flags.output, "table or json")
      ->transform(CLI::CheckedTransformer(std::map<std::string, OutputFormat>{
          {"table", OutputFormat::kTable}, {"json", OutputFormat::kJson}}))
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
  AddCompletion(app, chosen);
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
  return RunCommand(flags, chosen);
}

}  // namespace lora::admin
