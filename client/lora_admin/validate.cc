// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin validate /adapters/sql-writer
  lora-admin validate /adapters/sql-writer --strict-base)";

struct Args {
  std::string source;
  LoadOptionFlags options;
};

void Print(const Session& session, const Args& args,
           const v1::Adapter& adapter) {
  if (session.output == OutputFormat::kJson) {
    std::cout << FormatJson(adapter);
    return;
  }
  std::cout << args.source << ": valid, " << adapter.kind() << " of rank "
            << adapter.rank() << ", " << FormatBytes(adapter.device_bytes())
            << " on the device\n";
  for (const std::string& warning : adapter.warnings()) {
    std::cout << "warning: " << warning << "\n";
  }
}

absl::Status Run(const Args& args, const Session& session) {
  v1::ValidateAdapterRequest request;
  request.set_source(args.source);
  *request.mutable_options() = args.options.ToProto();
  const absl::StatusOr<v1::Adapter> adapter =
      session.client.ValidateAdapter(request, session.call);
  if (!adapter.ok()) return adapter.status();
  Print(session, args, *adapter);
  return absl::OkStatus();
}

}  // namespace

void AddValidate(CLI::App& app, Command& chosen) {
  const auto args = std::make_shared<Args>();
  CLI::App* command = app.add_subcommand(
      "validate", "Check an adapter as load would, and keep nothing");
  command->footer(kFooter);
  command
      ->add_option("SOURCE", args->source,
                   "Its folder, as the server sees it, below an adapter root")
      ->required();
  AddLoadOptions(*command, args->options);
  command->callback([args, &chosen] {
    chosen = [args](const Session& session) { return Run(*args, session); };
  });
}

}  // namespace lora::admin
