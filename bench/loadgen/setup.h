// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_LOADGEN_SETUP_H_
#define LORA_BENCH_LOADGEN_SETUP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/loadgen/flags.h"
#include "bench/loadgen/runner.h"
#include "bench/loadgen/workload.h"
#include "client/client.h"
#include "server/base/json.h"

// From flags to what a run is made of.

namespace lora::loadgen {

// A client that never retries: the server's errors are part of the figures.
//
// INVALID_ARGUMENT: a token or TLS file cannot be used.
absl::StatusOr<std::unique_ptr<Client>> Connect(const Flags& flags);

// The lines of a prompt file that are not empty.
std::vector<std::string> SplitPrompts(absl::string_view text);

// The adapters to choose from: those that `flags` name, or else all that the
// server has; none if only the base is asked.
absl::StatusOr<std::vector<std::string>> ChooseAdapters(Client& client,
                                                        const Flags& flags);

// INVALID_ARGUMENT: no adapters; no prompts in the prompt file; random prompts
// for a server that does not tell its vocabulary.
absl::StatusOr<Workload> MakeWorkload(const v1::ServerInfo& server,
                                      const Flags& flags,
                                      std::vector<std::string> adapters);

// The requests before the measured ones, in a closed loop, and these.
LoadOptions WarmUpOptions(const Flags& flags);
LoadOptions MeasureOptions(const Flags& flags);

// What was measured, for the JSON file: everything that is needed to run it
// again. Null: no such limit.
Json DescribeRun(const v1::ServerInfo& server, const Flags& flags,
                 const std::vector<std::string>& adapters);

}  // namespace lora::loadgen

#endif  // LORA_BENCH_LOADGEN_SETUP_H_
