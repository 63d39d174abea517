// SPDX-License-Identifier: Apache-2.0
#include "server/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/json.h"

namespace lora {
namespace {

// The log is the process's, as spdlog's default logger is.
std::atomic<LogFormat> log_format{LogFormat::kText};

// Callers choose some of the texts: a line stays readable all the same.
constexpr size_t kMaxTextBytes = 2048;

void AppendQuoted(absl::string_view text, std::string& line) {
  std::string shown(text.substr(0, kMaxTextBytes));
  if (text.size() > kMaxTextBytes) shown += "...";
  line += Json(std::move(shown))
              .dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool IsBare(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxTextBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < '\x7F' && c != '"' && c != '=' && c != '\\';
         });
}

void AppendNumber(double value, std::string& line) {
  absl::StrAppendFormat(&line, "%.6g", value);
}

void Log(spdlog::level::level_enum level, absl::string_view event,
         LogFields fields) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (!logger.should_log(level)) return;
  logger.log(level, spdlog::string_view_t(
                        FormatEvent(log_format.load(), event, fields)));
}

}  // namespace

void LogValue::AppendText(std::string& line) const {
  if (const auto* text = std::get_if<absl::string_view>(&value_)) {
    if (!IsBare(*text)) return AppendQuoted(*text, line);
    absl::StrAppend(&line, *text);
  } else if (const auto* number = std::get_if<double>(&value_)) {
    AppendNumber(*number, line);
  } else {
    AppendJson(line);
  }
}

void LogValue::AppendJson(std::string& line) const {
  if (const auto* text = std::get_if<absl::string_view>(&value_)) {
    AppendQuoted(*text, line);
  } else if (const auto* flag = std::get_if<bool>(&value_)) {
    absl::StrAppend(&line, *flag ? "true" : "false");
  } else if (const auto* number = std::get_if<int64_t>(&value_)) {
    absl::StrAppend(&line, *number);
  } else if (const auto* natural = std::get_if<uint64_t>(&value_)) {
    absl::StrAppend(&line, *natural);
  } else if (const double real = std::get<double>(value_);
             std::isfinite(real)) {
    AppendNumber(real, line);
  } else {
    absl::StrAppend(&line, "null");
  }
}

std::string FormatEvent(LogFormat format, absl::string_view event,
                        LogFields fields) {
  std::string line;
  if (format == LogFormat::kText) {
    absl::StrAppend(&line, "event=", event);
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.key, "=");
      field.value.AppendText(line);
    }
  } else {
    absl::StrAppend(&line, R"("event":")", event, R"(")");
    for (const LogField& field : fields) {
      absl::StrAppend(&line, R"(,")", field.key, R"(":)");
      field.value.AppendJson(line);
    }
  }
  return line;
}

void LogDebug(absl::string_view event, LogFields fields) {
  Log(spdlog::level::debug, event, fields);
}
void LogInfo(absl::string_view event, LogFields fields) {
  Log(spdlog::level::info, event, fields);
}
void LogWarn(absl::string_view event, LogFields fields) {
  Log(spdlog::level::warn, event, fields);
}
void LogError(absl::string_view event, LogFields fields) {
  Log(spdlog::level::err, event, fields);
}

void SetUpLogging(const std::string& level, LogFormat format) {
  auto logger = std::make_shared<spdlog::logger>(
      "lora", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(
      format == LogFormat::kJson
          ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
          : "%Y-%m-%dT%H:%M:%S.%eZ %L %v",
      spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  log_format.store(format);
}

}  // namespace lora
