// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/report.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/status.h"

namespace lora::loadgen {
namespace {

// `values` are sorted.
absl::Duration NearestRank(const std::vector<absl::Duration>& values,
                           double fraction) {
  if (values.empty()) return absl::ZeroDuration();
  const double rank = std::ceil(fraction * static_cast<double>(values.size()));
  return values[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

std::string ErrorName(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return absl::StrCat(absl::StatusCodeToString(status.code()),
                      reason.empty() ? "" : absl::StrCat(" (", reason, ")"));
}

Report BuildPart(const std::vector<const Sample*>& samples,
                 absl::Duration elapsed) {
  Report report{.requests = static_cast<int64_t>(samples.size()),
                .elapsed = elapsed};
  std::vector<absl::Duration> first_token, inter_token, total;
  for (const Sample* sample : samples) {
    if (!sample->status.ok()) {
      ++report.errors[ErrorName(sample->status)];
      continue;
    }
    report.prompt_tokens += sample->prompt_tokens;
    report.cached_tokens += sample->cached_tokens;
    report.completion_tokens += sample->completion_tokens;
    first_token.push_back(sample->first_token);
    total.push_back(sample->total);
    inter_token.insert(inter_token.end(), sample->gaps.begin(),
                       sample->gaps.end());
  }
  report.first_token = PercentilesOf(std::move(first_token));
  report.inter_token = PercentilesOf(std::move(inter_token));
  report.total = PercentilesOf(std::move(total));
  return report;
}

double PerSecond(int64_t count, absl::Duration elapsed) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  return seconds > 0 ? static_cast<double>(count) / seconds : 0.0;
}

}  // namespace

Percentiles PercentilesOf(std::vector<absl::Duration> values) {
  std::sort(values.begin(), values.end());
  return {.p50 = NearestRank(values, 0.50),
          .p95 = NearestRank(values, 0.95),
          .p99 = NearestRank(values, 0.99)};
}

int64_t Report::num_errors() const {
  int64_t count = 0;
  for (const auto& [name, times] : errors) count += times;
  return count;
}

double Report::tokens_per_second() const {
  return PerSecond(completion_tokens, elapsed);
}

double Report::requests_per_second() const {
  return PerSecond(requests - num_errors(), elapsed);
}

std::optional<double> FullReport::slowest_over_fastest() const {
  if (by_adapter.size() < 2) return std::nullopt;
  const auto [slowest, fastest] = std::minmax_element(
      by_adapter.begin(), by_adapter.end(), [](const auto& a, const auto& b) {
        return a.second.completion_tokens < b.second.completion_tokens;
      });
  const int64_t most = fastest->second.completion_tokens;
  if (most == 0) return std::nullopt;
  return static_cast<double>(slowest->second.completion_tokens) /
         static_cast<double>(most);
}

FullReport BuildReport(const RunResult& result) {
  std::vector<const Sample*> all;
  std::map<std::string, std::vector<const Sample*>> by_adapter;
  for (const Sample& sample : result.samples) {
    all.push_back(&sample);
    by_adapter[sample.adapter].push_back(&sample);
  }
  FullReport report{.all = BuildPart(all, result.elapsed), .by_adapter = {}};
  for (const auto& [adapter, samples] : by_adapter) {
    report.by_adapter[adapter] = BuildPart(samples, result.elapsed);
  }
  return report;
}

}  // namespace lora::loadgen
