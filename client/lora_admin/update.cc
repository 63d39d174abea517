// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin update sql-writer --pin
  lora-admin update sql-writer --unpin --warm-tier host
  lora-admin update sql-writer --label team=data --label stage=prod
  lora-admin update sql-writer --clear-labels)";

struct Args {
  std::string id;
  bool pin = false;
  bool unpin = false;
  bool clear_labels = false;
  std::map<std::string, std::string> labels;  // Replace all that were there.
  v1::AdapterTier warm_tier = v1::ADAPTER_TIER_UNSPECIFIED;
};

v1::UpdateAdapterRequest ToRequest(const Args& args) {
  v1::UpdateAdapterRequest request;
  request.set_adapter_id(args.id);
  if (args.pin || args.unpin) {
    request.mutable_update_mask()->add_paths("pinned");
    request.set_pinned(args.pin);
  }
  if (args.clear_labels || !args.labels.empty()) {
    request.mutable_update_mask()->add_paths("labels");
    request.mutable_labels()->insert(args.labels.begin(), args.labels.end());
  }
  if (args.warm_tier != v1::ADAPTER_TIER_UNSPECIFIED) {
    request.mutable_update_mask()->add_paths("warm_tier");
    request.set_warm_tier(args.warm_tier);
  }
  return request;
}

absl::Status Run(const Args& args, const Session& session) {
  const absl::StatusOr<v1::Adapter> adapter =
      session.client.UpdateAdapter(ToRequest(args), session.call);
  if (!adapter.ok()) return adapter.status();
  std::cout << (session.output == OutputFormat::kJson
                    ? FormatJson(*adapter)
                    : DescribeAdapter(*adapter));
  return absl::OkStatus();
}

}  // namespace

void AddUpdate(CLI::App& app, Command& chosen) {
  const auto args = std::make_shared<Args>();
  CLI::App* command =
      app.add_subcommand("update", "Change pin, labels or warm tier");
  command->footer(kFooter);
  command->add_option("ID", args->id, "The adapter")->required();
  CLI::Option* pin = command->add_flag("--pin", args->pin, "Never evict it");
  command->add_flag("--unpin", args->unpin, "It may be evicted")->excludes(pin);
  CLI::Option* labels =
      AddLabels(*command, args->labels,
                "Set a label, in place of all that are there; may be repeated");
  command->add_flag("--clear-labels", args->clear_labels, "Remove every label")
      ->excludes(labels);
  AddWarmTier(*command, args->warm_tier);
  command->callback([args, &chosen] {
    if (ToRequest(*args).update_mask().paths().empty()) {
      throw CLI::ValidationError(
          "update", "nothing to change, expected at least one flag");
    }
    chosen = [args](const Session& session) { return Run(*args, session); };
  });
}

}  // namespace lora::admin
