// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin list
  lora-admin list --filter 'state=READY AND labels.team=data'
  lora-admin list --merged
  lora-admin list -o json | jq -r '.adapters[].adapter_id')";

constexpr int kPageSize = 1000;

struct Args {
  std::string filter;
  bool merged = false;
};

std::string AdapterTable(const v1::ListAdaptersResponse& list) {
  std::vector<std::vector<std::string>> rows = {{"ID", "STATE", "TIER", "RANK",
                                                 "DEVICE", "PINNED", "MERGED",
                                                 "INFLIGHT", "REQUESTS"}};
  for (const v1::Adapter& adapter : list.adapters()) {
    rows.push_back(
        {adapter.adapter_id(), FormatState(adapter), FormatTier(adapter.tier()),
         // Not known before it is read.
         adapter.rank() == 0 ? "-" : absl::StrCat(adapter.rank()),
         FormatBytes(adapter.device_bytes()), adapter.pinned() ? "yes" : "-",
         adapter.merged() ? "yes" : "-",
         absl::StrCat(adapter.inflight_requests()),
         absl::StrCat(adapter.requests_total())});
  }
  return FormatTable(rows);
}

std::string MergedTable(const v1::ListMergedAdaptersResponse& list) {
  std::vector<std::vector<std::string>> rows = {
      {"MERGED ID", "COMPONENTS", "SIZE", "PINNED", "BUILD TIME"}};
  for (const v1::MergedAdapter& merged : list.merged_adapters()) {
    rows.push_back({merged.merged_id(), FormatWeights(merged.components()),
                    FormatBytes(merged.bytes()), merged.pinned() ? "yes" : "-",
                    FormatDuration(merged.build_time())});
  }
  return FormatTable(rows);
}

// Every page, as one answer.
absl::StatusOr<v1::ListAdaptersResponse> ListAll(const Args& args,
                                                 const Session& session) {
  v1::ListAdaptersRequest request;
  request.set_filter(args.filter);
  request.set_page_size(kPageSize);
  v1::ListAdaptersResponse all;
  do {
    absl::StatusOr<v1::ListAdaptersResponse> page =
        session.client.ListAdapters(request, session.call);
    if (!page.ok()) return page.status();
    request.set_page_token(page->next_page_token());
    page->clear_next_page_token();
    all.MergeFrom(*page);
  } while (!request.page_token().empty());
  return all;
}

template <typename List>
absl::Status Print(const Session& session, const absl::StatusOr<List>& list,
                   std::string (*to_table)(const List&)) {
  if (!list.ok()) return list.status();
  std::cout << (session.output == OutputFormat::kJson ? FormatJson(*list)
                                                      : to_table(*list));
  return absl::OkStatus();
}

absl::Status Run(const Args& args, const Session& session) {
  if (args.merged) {
    return Print(session, session.client.ListMergedAdapters({}, session.call),
                 &MergedTable);
  }
  return Print(session, ListAll(args, session), &AdapterTable);
}

}  // namespace

void AddList(CLI::App& app, Command& chosen) {
  const auto args = std::make_shared<Args>();
  CLI::App* command = app.add_subcommand("list", "List adapters by id");
  command->footer(kFooter);
  CLI::Option* filter = command->add_option(
      "--filter", args->filter,
      "Terms joined by AND: state=READY, tier=DEVICE, pinned=true, "
      "id=PREFIX*, labels.KEY=VALUE");
  command
      ->add_flag("--merged", args->merged,
                 "List the merged copies of the weights instead")
      ->excludes(filter);
  command->callback([args, &chosen] {
    chosen = [args](const Session& session) { return Run(*args, session); };
  });
}

}  // namespace lora::admin
