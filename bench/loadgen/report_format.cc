// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/loadgen/report.h"

namespace lora::loadgen {
namespace {

constexpr int kLabelWidth = 18;

std::string LatencyLine(const char* name, const Percentiles& times) {
  return absl::StrFormat("%-*s %9.1f %9.1f %9.1f\n", kLabelWidth, name,
                         absl::ToDoubleMilliseconds(times.p50),
                         absl::ToDoubleMilliseconds(times.p95),
                         absl::ToDoubleMilliseconds(times.p99));
}

std::string DisplayName(const std::string& adapter) {
  return adapter.empty() ? "(base)" : adapter;
}

std::string AdapterTable(const FullReport& report) {
  int width = kLabelWidth;
  for (const auto& [adapter, part] : report.by_adapter) {
    width = std::max(width, static_cast<int>(adapter.size()));
  }
  std::string table = absl::StrFormat("%-*s %8s %8s %9s %9s %9s %9s\n", width,
                                      "adapter", "requests", "errors", "tokens",
                                      "tok/s", "first ms", "token ms");
  for (const auto& [adapter, part] : report.by_adapter) {
    absl::StrAppendFormat(&table, "%-*s %8d %8d %9d %9.1f %9.1f %9.1f\n", width,
                          DisplayName(adapter), part.requests,
                          part.num_errors(), part.completion_tokens,
                          part.tokens_per_second(),
                          absl::ToDoubleMilliseconds(part.first_token.p50),
                          absl::ToDoubleMilliseconds(part.inter_token.p50));
  }
  return table;
}

Json PercentilesToJson(const Percentiles& times) {
  return {{"p50_seconds", absl::ToDoubleSeconds(times.p50)},
          {"p95_seconds", absl::ToDoubleSeconds(times.p95)},
          {"p99_seconds", absl::ToDoubleSeconds(times.p99)}};
}

Json PartToJson(const Report& report) {
  return {{"tokens_per_second", report.tokens_per_second()},
          {"requests_per_second", report.requests_per_second()},
          {"requests", report.requests},
          {"errors", report.num_errors()},
          {"errors_by_code", report.errors},
          {"prompt_tokens", report.prompt_tokens},
          {"cached_tokens", report.cached_tokens},
          {"completion_tokens", report.completion_tokens},
          {"elapsed_seconds", absl::ToDoubleSeconds(report.elapsed)},
          {"first_token", PercentilesToJson(report.first_token)},
          {"inter_token", PercentilesToJson(report.inter_token)},
          {"total", PercentilesToJson(report.total)}};
}

}  // namespace

std::string FormatReport(const FullReport& report) {
  const Report& all = report.all;
  std::string text = absl::StrFormat(
      "%d requests in %.1f s, %d errors: %.1f tok/s, %.2f requests/s\n"
      "%d prompt tokens (%d cached), %d new tokens\n\n"
      "%-*s %9s %9s %9s\n",
      all.requests, absl::ToDoubleSeconds(all.elapsed), all.num_errors(),
      all.tokens_per_second(), all.requests_per_second(), all.prompt_tokens,
      all.cached_tokens, all.completion_tokens, kLabelWidth, "milliseconds",
      "p50", "p95", "p99");
  absl::StrAppend(&text, LatencyLine("first token", all.first_token),
                  LatencyLine("between tokens", all.inter_token),
                  LatencyLine("whole answer", all.total));
  absl::StrAppend(&text, "\n", AdapterTable(report));
  if (const auto ratio = report.slowest_over_fastest()) {
    absl::StrAppendFormat(&text, "slowest / fastest adapter: %.2f\n", *ratio);
  }
  if (!all.errors.empty()) absl::StrAppend(&text, "\n");
  for (const auto& [name, count] : all.errors) {
    absl::StrAppendFormat(&text, "error: %s: %d requests\n", name, count);
  }
  return text;
}

Json ReportToJson(const FullReport& report) {
  Json json = PartToJson(report.all);
  Json& adapters = json["by_adapter"] = Json::object();
  for (const auto& [adapter, part] : report.by_adapter) {
    adapters[adapter] = PartToJson(part);
  }
  const std::optional<double> ratio = report.slowest_over_fastest();
  json["slowest_over_fastest"] = ratio.has_value() ? Json(*ratio) : Json();
  return json;
}

}  // namespace lora::loadgen
