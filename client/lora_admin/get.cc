// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "client/lora_admin/commands.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin get sql-writer
  lora-admin get sql-writer -o json | jq -r .state)";

absl::Status Run(const std::string& id, const Session& session) {
  v1::GetAdapterRequest request;
  request.set_adapter_id(id);
  const absl::StatusOr<v1::Adapter> adapter =
      session.client.GetAdapter(request, session.call);
  if (!adapter.ok()) return adapter.status();
  std::cout << (session.output == OutputFormat::kJson
                    ? FormatJson(*adapter)
                    : DescribeAdapter(*adapter));
  return absl::OkStatus();
}

}  // namespace

void AddGet(CLI::App& app, Command& chosen) {
  const auto id = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("get", "Show everything about one adapter");
  command->footer(kFooter);
  command->add_option("ID", *id, "The adapter")->required();
  command->callback([id, &chosen] {
    chosen = [id](const Session& session) { return Run(*id, session); };
  });
}

}  // namespace lora::admin
