// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_LOADGEN_FLAGS_H_
#define LORA_BENCH_LOADGEN_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "bench/loadgen/popularity.h"
#include "client/flags/connection_flags.h"
#include "lora/v1/generation_service.pb.h"

namespace lora::loadgen {

// The command line.
struct Flags {
  ConnectionFlags connection;

  std::optional<int> concurrency;  // Unset: 8, or 256 with a rate.
  std::optional<double> rate;
  std::optional<int64_t> requests;
  std::optional<absl::Duration> duration;
  int64_t warm_up = 0;
  absl::Duration timeout = absl::InfiniteDuration();

  Popularity popularity;
  std::vector<std::string> adapters;  // Empty: all that the server has.
  int32_t prompt_tokens = 128;
  std::string prompt_file;
  int32_t max_new_tokens = 64;
  bool ignore_eos = false;
  v1::ExecutionPath path = v1::AUTO;
  uint64_t seed = 1;

  std::string json_file;
};

// What the program exits with; scripts rely on it.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,       // Requests failed, or the set-up was refused.
  kUsage = 2,        // The command line is wrong.
  kUnreachable = 3,  // No server answered.
};

// Reads the command line; prints help, version or what is wrong, and then
// returns what to exit with.
std::variant<Flags, ExitCode> ParseFlags(int argc, const char* const* argv);

}  // namespace lora::loadgen

#endif  // LORA_BENCH_LOADGEN_FLAGS_H_
