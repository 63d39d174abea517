// SPDX-License-Identifier: Apache-2.0
// loadgen: loads a lora-server and measures how it answers.
#include <iostream>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/loadgen/flags.h"
#include "bench/loadgen/report.h"
#include "bench/loadgen/runner.h"
#include "bench/loadgen/setup.h"
#include "client/status.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace lora::loadgen {
namespace {

void PrintError(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  std::cerr << "error: " << absl::StatusCodeToString(status.code())
            << (reason.empty() ? "" : absl::StrCat(" (", reason, ")")) << ": "
            << status.message() << "\n";
}

// Warms up and measures.
FullReport Measure(Client& client, const Workload& workload,
                   const Flags& flags) {
  if (flags.warm_up > 0) {
    RunLoad(client, workload, WarmUpOptions(flags));
  }
  return BuildReport(RunLoad(client, workload, MeasureOptions(flags)));
}

absl::StatusOr<ExitCode> Run(Client& client, const Flags& flags) {
  LORA_ASSIGN_OR_RETURN(const v1::ServerInfo server, client.GetServerInfo());
  LORA_ASSIGN_OR_RETURN(const std::vector<std::string> adapters,
                        ChooseAdapters(client, flags));
  LORA_ASSIGN_OR_RETURN(const Workload workload,
                        MakeWorkload(server, flags, adapters));
  const FullReport report = Measure(client, workload, flags);
  std::cout << FormatReport(report);
  if (!flags.json_file.empty()) {
    Json json = ReportToJson(report);
    json["run"] = DescribeRun(server, flags, adapters);
    LORA_RETURN_IF_ERROR(
        WriteFileAtomically(flags.json_file, json.dump(2) + "\n"));
  }
  return report.all.num_errors() == 0 ? kOk : kFailed;
}

int Main(int argc, char** argv) {
  const std::variant<Flags, ExitCode> flags = ParseFlags(argc, argv);
  if (const ExitCode* code = std::get_if<ExitCode>(&flags)) return *code;
  const absl::StatusOr<std::unique_ptr<Client>> client =
      Connect(std::get<Flags>(flags));
  if (!client.ok()) {
    PrintError(client.status());
    return kUsage;
  }
  const absl::StatusOr<ExitCode> code = Run(**client, std::get<Flags>(flags));
  if (code.ok()) return *code;
  PrintError(code.status());
  return IsUnreachable(code.status()) ? kUnreachable : kFailed;
}

}  // namespace
}  // namespace lora::loadgen

int main(int argc, char** argv) { return lora::loadgen::Main(argc, argv); }
