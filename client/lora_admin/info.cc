// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin info
  lora-admin info -o json | jq .base_model.max_context)";

std::string FormatBudget(const v1::MemoryBudget& budget) {
  return absl::StrCat(FormatBytes(budget.used_bytes()), " of ",
                      FormatBytes(budget.capacity_bytes()));
}

std::string Describe(const v1::ServerInfo& info) {
  const v1::BaseModelInfo& base = info.base_model();
  return FormatTable(
      {{"version", info.version()},
       {"started", FormatTime(info.start_time())},
       {"base model", absl::StrCat(base.name(), " (", base.model_type(), ")")},
       {"fingerprint", base.fingerprint()},
       {"parameters", absl::StrCat(base.num_parameters())},
       {"weights", FormatBytes(base.weight_bytes())},
       {"layers", absl::StrCat(base.num_layers())},
       {"vocabulary", absl::StrCat(base.vocab_size())},
       {"max context", absl::StrCat(base.max_context(), " tokens")},
       {"chat template", base.has_chat_template() ? "yes" : "no"},
       {"device", absl::StrCat(info.device(), ", ", info.dtype(), ", ",
                               info.threads(), " threads")},
       {"KV memory", FormatBudget(info.kv_memory())},
       {"host memory", FormatBudget(info.host_memory())},
       {"device memory", FormatBudget(info.device_memory())},
       {"merged memory", FormatBudget(info.merged_memory())},
       {"requests", absl::StrCat(info.running_requests(), " running, ",
                                 info.queued_requests(), " of ",
                                 info.max_queue(), " queued")}});
}

absl::Status Run(const Session& session) {
  const absl::StatusOr<v1::ServerInfo> info =
      session.client.GetServerInfo(session.call);
  if (!info.ok()) return info.status();
  std::cout << (session.output == OutputFormat::kJson ? FormatJson(*info)
                                                      : Describe(*info));
  return absl::OkStatus();
}

}  // namespace

void AddInfo(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "info", "Show the server's base model, budgets and load");
  command->footer(kFooter);
  command->callback([&chosen] { chosen = Run; });
}

}  // namespace lora::admin
