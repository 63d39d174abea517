// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/output.h"
#include "client/lora_admin/progress.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin load sql-writer /adapters/sql-writer
  lora-admin load sql-writer /adapters/sql-writer-v2 --replace
  lora-admin load small /adapters/small --pin --label team=data
  lora-admin load checked /adapters/c --sha256 "$SHA256")";

struct Args {
  std::string id;
  std::string source;
  std::string sha256;
  bool replace = false;
  bool pin = false;
  v1::AdapterTier warm_tier = v1::ADAPTER_TIER_UNSPECIFIED;
  std::map<std::string, std::string> labels;
  LoadOptionFlags options;
  ProgressMode progress = ProgressMode::kAuto;
};

v1::LoadAdapterRequest ToRequest(const Args& args) {
  v1::LoadAdapterRequest request;
  request.set_adapter_id(args.id);
  request.set_source(args.source);
  request.set_sha256(args.sha256);
  request.set_replace(args.replace);
  if (args.pin) request.set_pinned(true);
  request.set_warm_tier(args.warm_tier);
  request.mutable_labels()->insert(args.labels.begin(), args.labels.end());
  *request.mutable_options() = args.options.ToProto();
  return request;
}

void Print(const Session& session, const v1::Adapter& adapter) {
  if (session.output == OutputFormat::kJson) {
    std::cout << FormatJson(adapter);
    return;
  }
  std::cout << "loaded " << adapter.adapter_id() << ": rank " << adapter.rank()
            << ", " << FormatBytes(adapter.device_bytes())
            << " on the device, digest " << adapter.digest().substr(0, 12)
            << "\n";
  for (const std::string& warning : adapter.warnings()) {
    std::cerr << "warning: " << warning << "\n";
  }
}

absl::Status Run(const Args& args, const Session& session) {
  absl::StatusOr<v1::Adapter> adapter;
  {
    const LoadProgress progress(session.client, args.id, args.progress);
    adapter = session.client.LoadAdapter(ToRequest(args), session.call);
  }
  if (!adapter.ok()) return adapter.status();
  Print(session, *adapter);
  return absl::OkStatus();
}

}  // namespace

void AddLoad(CLI::App& app, Command& chosen) {
  const auto args = std::make_shared<Args>();
  CLI::App* command = app.add_subcommand("load", "Make an adapter usable");
  command->footer(kFooter);
  command->add_option("ID", args->id, "What requests will call it")->required();
  command
      ->add_option("SOURCE", args->source,
                   "Its folder, as the server sees it: below an adapter root, "
                   "absolute or relative to it")
      ->required();
  command->add_flag("--replace", args->replace,
                    "Swap the content of a known adapter; requests that run "
                    "finish on the old one");
  command->add_flag("--pin", args->pin, "Never evict it");
  command
      ->add_option("--sha256", args->sha256,
                   "Refuse the weights file unless this is its SHA-256")
      ->type_name("HEX");
  AddWarmTier(*command, args->warm_tier);
  AddLabels(*command, args->labels, "Set a label; may be repeated");
  AddLoadOptions(*command, args->options);
  AddProgressFlag(*command, args->progress);
  command->callback([args, &chosen] {
    chosen = [args](const Session& session) { return Run(*args, session); };
  });
}

}  // namespace lora::admin
