// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin unmerge 3f9a0c1d
  lora-admin unmerge --component sql-writer=0.7 --component polite=0.3)";

struct Args {
  std::string merged_id;
  std::vector<v1::AdapterWeight> components;
};

absl::Status Run(const Args& args, const Session& session) {
  v1::UnmergeAdapterRequest request;
  request.set_merged_id(args.merged_id);
  request.mutable_components()->Assign(args.components.begin(),
                                       args.components.end());
  const absl::StatusOr<v1::UnmergeAdapterResponse> freed =
      session.client.UnmergeAdapter(request, session.call);
  if (!freed.ok()) return freed.status();
  if (session.output == OutputFormat::kJson) {
    std::cout << FormatJson(*freed);
  } else {
    std::cout << "unmerged: freed " << FormatBytes(freed->freed_bytes())
              << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddUnmerge(CLI::App& app, Command& chosen) {
  const auto args = std::make_shared<Args>();
  CLI::App* command = app.add_subcommand("unmerge", "Drop a merged copy");
  command->footer(kFooter);
  CLI::Option* id = command->add_option(
      "MERGED_ID", args->merged_id, "The copy, see: lora-admin list --merged");
  AddWeights(*command, "--component", args->components,
             "Or what it was built of; may be repeated")
      ->excludes(id);
  command->callback([args, &chosen] {
    if (args->merged_id.empty() && args->components.empty()) {
      throw CLI::ValidationError("unmerge",
                                 "expected a MERGED_ID or --component");
    }
    chosen = [args](const Session& session) { return Run(*args, session); };
  });
}

}  // namespace lora::admin
