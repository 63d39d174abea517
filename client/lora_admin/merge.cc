// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin merge sql-writer
  lora-admin merge sql-writer=0.7 polite=0.3 --pin)";

struct Args {
  std::vector<v1::AdapterWeight> components;
  bool pin = false;
};

void Print(const Session& session, const v1::MergedAdapter& merged) {
  if (session.output == OutputFormat::kJson) {
    std::cout << FormatJson(merged);
    return;
  }
  std::cout << absl::StreamFormat(
      "merged %s as %s: %s, built in %s, deviates by at most %.1e\n",
      FormatWeights(merged.components()), merged.merged_id(),
      FormatBytes(merged.bytes()), FormatDuration(merged.build_time()),
      merged.max_relative_deviation());
}

absl::Status Run(const Args& args, const Session& session) {
  v1::MergeAdapterRequest request;
  request.mutable_components()->Assign(args.components.begin(),
                                       args.components.end());
  request.set_pinned(args.pin);
  const absl::StatusOr<v1::MergedAdapter> merged =
      session.client.MergeAdapter(request, session.call);
  if (!merged.ok()) return merged.status();
  Print(session, *merged);
  return absl::OkStatus();
}

}  // namespace

void AddMerge(CLI::App& app, Command& chosen) {
  const auto args = std::make_shared<Args>();
  CLI::App* command = app.add_subcommand(
      "merge", "Build a copy of the base weights with adapters folded in");
  command->footer(kFooter);
  AddWeightArguments(*command, "COMPONENT", args->components,
                     "An adapter and its weight");
  command->add_flag("--pin", args->pin, "Never evict the copy");
  command->callback([args, &chosen] {
    chosen = [args](const Session& session) { return Run(*args, session); };
  });
}

}  // namespace lora::admin
