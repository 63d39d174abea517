// SPDX-License-Identifier: Apache-2.0
#include "client/lora_admin/output.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace lora::admin {
namespace {

using google::protobuf::util::TimeUtil;

constexpr size_t kColumnGap = 2;
constexpr const char* kByteUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

std::string StateName(v1::AdapterState state) {
  return std::string(
      absl::StripPrefix(v1::AdapterState_Name(state), "ADAPTER_STATE_"));
}

std::vector<size_t> ColumnWidths(
    const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  return widths;
}

std::string FormatLabels(const v1::Adapter& adapter) {
  const std::map<std::string, std::string> sorted(adapter.labels().begin(),
                                                  adapter.labels().end());
  return absl::StrJoin(sorted, " ", absl::PairFormatter("="));
}

const char* YesOrNo(bool value) { return value ? "yes" : "no"; }

}  // namespace

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  const std::vector<size_t> widths = ColumnWidths(rows);
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i]);
      if (i + 1 < row.size()) {
        line.append(widths[i] - row[i].size() + kColumnGap, ' ');
      }
    }
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string FormatBytes(int64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  // 1023.95 would be printed as 1024.0.
  while (value >= 1023.95 && unit + 1 < std::size(kByteUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kByteUnits[unit]);
}

std::string FormatDuration(const google::protobuf::Duration& duration) {
  return absl::StrFormat("%.3fs", static_cast<double>(duration.seconds()) +
                                      duration.nanos() * 1e-9);
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  google::protobuf::Timestamp whole;
  whole.set_seconds(time.seconds());
  return TimeUtil::ToString(whole);
}

std::string FormatState(const v1::Adapter& adapter) {
  std::string state = StateName(adapter.state());
  if (!adapter.has_pending()) return state;
  std::string pending =
      absl::StrFormat("%s %.0f%%", StateName(adapter.pending().state()),
                      100 * adapter.pending().progress());
  return adapter.state() == adapter.pending().state()
             ? pending
             : absl::StrCat(state, ", ", pending);
}

std::string FormatTier(v1::AdapterTier tier) {
  return std::string(
      absl::StripPrefix(v1::AdapterTier_Name(tier), "ADAPTER_TIER_"));
}

std::string FormatWeights(
    const google::protobuf::RepeatedPtrField<v1::AdapterWeight>& weights) {
  return absl::StrJoin(weights, " ",
                       [](std::string* out, const v1::AdapterWeight& weight) {
                         absl::StrAppend(out, weight.adapter_id());
                         if (weight.has_weight() && weight.weight() != 1.0f) {
                           absl::StrAppend(out, "=", weight.weight());
                         }
                       });
}

std::string DescribeAdapter(const v1::Adapter& adapter) {
  std::vector<std::vector<std::string>> rows = {
      {"id", adapter.adapter_id()},
      {"state", FormatState(adapter)},
      {"tier", FormatTier(adapter.tier())},
      {"source", adapter.source()},
      {"digest", adapter.digest()},
      {"kind", absl::StrCat(adapter.kind(), " (", adapter.format(), ")")},
      {"rank", absl::StrCat(adapter.rank())},
      {"modules", absl::StrJoin(adapter.target_modules(), " ")},
      {"host memory", FormatBytes(adapter.host_bytes())},
      {"device memory", FormatBytes(adapter.device_bytes())},
      {"pinned", YesOrNo(adapter.pinned())},
      {"merged", YesOrNo(adapter.merged())},
      {"warm tier", FormatTier(adapter.warm_tier())},
      {"requests", absl::StrCat(adapter.requests_total(), " (",
                                adapter.inflight_requests(), " in flight)")},
      {"labels", FormatLabels(adapter)},
      {"created", FormatTime(adapter.create_time())},
      {"loaded", FormatTime(adapter.load_time())},
      {"last used", FormatTime(adapter.last_used_time())}};
  for (const std::string& warning : adapter.warnings()) {
    rows.push_back({"warning", warning});
  }
  if (adapter.has_error()) rows.push_back({"error", adapter.error().message()});
  return FormatTable(rows);
}

std::string FormatJson(const google::protobuf::Message& message,
                       JsonStyle style) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = style == JsonStyle::kDocument;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return absl::StrCat("cannot print: ", status.ToString());
  if (style == JsonStyle::kLine) json.push_back('\n');
  return json;
}

}  // namespace lora::admin
