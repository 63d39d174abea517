// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "client/flags/duration.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin unload sql-writer
  lora-admin unload sql-writer --drain-timeout 5m
  lora-admin unload sql-writer --drain-timeout 5s --force)";

struct Args {
  std::string id;
  absl::Duration drain_timeout = absl::Seconds(30);
  bool force = false;
};

v1::UnloadAdapterRequest ToRequest(const Args& args) {
  v1::UnloadAdapterRequest request;
  request.set_adapter_id(args.id);
  request.set_force(args.force);
  absl::Duration rest = args.drain_timeout;
  request.mutable_drain_timeout()->set_seconds(
      absl::IDivDuration(rest, absl::Seconds(1), &rest));
  request.mutable_drain_timeout()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return request;
}

absl::Status Run(const Args& args, const Session& session) {
  const absl::StatusOr<v1::UnloadAdapterResponse> freed =
      session.client.UnloadAdapter(ToRequest(args), session.call);
  if (!freed.ok()) return freed.status();
  if (session.output == OutputFormat::kJson) {
    std::cout << FormatJson(*freed);
    return absl::OkStatus();
  }
  std::cout << "unloaded " << args.id << ": freed "
            << FormatBytes(freed->freed_device_bytes()) << " device, "
            << FormatBytes(freed->freed_host_bytes()) << " host, "
            << FormatBytes(freed->freed_merged_bytes()) << " merged";
  if (freed->cancelled_requests() > 0) {
    std::cout << "; ended " << freed->cancelled_requests() << " requests";
  }
  std::cout << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddUnload(CLI::App& app, Command& chosen) {
  const auto args = std::make_shared<Args>();
  CLI::App* command =
      app.add_subcommand("unload", "Remove an adapter and free its memory");
  command->footer(kFooter);
  command->add_option("ID", args->id, "The adapter")->required();
  AddDuration(
      *command, "--drain-timeout",
      [args](absl::Duration timeout) { args->drain_timeout = timeout; },
      "How long running requests may take to finish (default: 30s)");
  command->add_flag("--force", args->force,
                    "End those that are left then, instead of giving up");
  command->callback([args, &chosen] {
    chosen = [args](const Session& session) { return Run(*args, session); };
  });
}

}  // namespace lora::admin
