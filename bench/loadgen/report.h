// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_LOADGEN_REPORT_H_
#define LORA_BENCH_LOADGEN_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bench/loadgen/runner.h"
#include "server/base/json.h"

namespace lora::loadgen {

// Nearest-rank percentiles; all zero without samples.
struct Percentiles {
  absl::Duration p50;
  absl::Duration p95;
  absl::Duration p99;
};
Percentiles PercentilesOf(std::vector<absl::Duration> values);

// A run, or the part of it that one adapter had. Tokens and times are those of
// requests that ended well.
struct Report {
  int64_t requests = 0;
  // "RESOURCE_EXHAUSTED (QUEUE)": how many requests ended so.
  std::map<std::string, int64_t> errors;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // Of these, from the prefix cache.
  int64_t completion_tokens = 0;
  absl::Duration elapsed;
  Percentiles first_token;
  Percentiles inter_token;
  Percentiles total;

  int64_t num_errors() const;
  // Of the whole run's time; completion tokens only.
  double tokens_per_second() const;
  double requests_per_second() const;
};

struct FullReport {
  Report all;
  std::map<std::string, Report> by_adapter;  // "": the base.

  // How evenly adapters were served: the fewest completion tokens of one over
  // the most. Tells something where all were asked for alike, as by steady
  // clients. Unset: fewer than two adapters, or no tokens.
  std::optional<double> slowest_over_fastest() const;
};

FullReport BuildReport(const RunResult& result);

// Tables for people.
std::string FormatReport(const FullReport& report);
// Seconds, tokens and counts; the figures of the whole run are at the top.
Json ReportToJson(const FullReport& report);

}  // namespace lora::loadgen

#endif  // LORA_BENCH_LOADGEN_REPORT_H_
