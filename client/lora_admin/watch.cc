// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin watch
  lora-admin watch sql-writer
  lora-admin watch -o json | jq -c '[.type, .adapter.adapter_id]')";

void Print(const Session& session, const v1::AdapterEvent& event) {
  if (session.output == OutputFormat::kJson) {
    std::cout << FormatJson(event, JsonStyle::kLine) << std::flush;
    return;
  }
  const v1::Adapter& adapter = event.adapter();
  std::cout << absl::StreamFormat("%-8s  %-24s  %-20s  %-6s  %d\n",
                                  v1::AdapterEvent::Type_Name(event.type()),
                                  adapter.adapter_id(), FormatState(adapter),
                                  FormatTier(adapter.tier()),
                                  adapter.inflight_requests())
            << std::flush;
}

absl::Status Run(const std::string& id, const Session& session) {
  if (session.output == OutputFormat::kTable) {
    std::cout << absl::StreamFormat("%-8s  %-24s  %-20s  %-6s  %s\n", "EVENT",
                                    "ID", "STATE", "TIER", "INFLIGHT")
              << std::flush;
  }
  return session.client.WatchAdapters(
      [&](const v1::AdapterEvent& event) {
        if (id.empty() || event.adapter().adapter_id() == id) {
          Print(session, event);
        }
        return StreamAction::kContinue;
      },
      session.call);
}

}  // namespace

void AddWatch(CLI::App& app, Command& chosen) {
  const auto id = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "watch", "Show what is there and each change, until interrupted");
  command->footer(kFooter);
  command->add_option("ID", *id, "Only this adapter");
  command->callback([id, &chosen] {
    chosen = [id](const Session& session) { return Run(*id, session); };
  });
}

}  // namespace lora::admin
