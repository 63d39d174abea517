// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_LOG_H_
#define LORA_SERVER_BASE_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"

namespace lora {

// The log: one line an event, on stderr, as text or JSON. An event is a name
// and fields, so that a line can be read by programs; what is prose goes into a
// field of its own, `error` or `text`.
//
//   LogInfo("adapter_draining", {{"adapter", id.value()}, {"inflight", 3}});
//
//   2026-01-31T12:00:00.000Z I event=adapter_draining adapter=sql inflight=3
//   {"time":"…","level":"info","event":"adapter_draining","adapter":"sql",…}
//
// Thread-safe, but for SetUpLogging.

// What a field says. Refers to the string that it is made of.
class LogValue {
 public:
  // NOLINTBEGIN(google-explicit-constructor): fields are written in braces.
  template <typename T>
  requires std::convertible_to<const T&, absl::string_view> LogValue(
      const T& text)
      : value_(absl::string_view(text)) {}
  LogValue(bool value) : value_(value) {}
  template <std::signed_integral T>
  LogValue(T value) : value_(static_cast<int64_t>(value)) {}
  template <std::unsigned_integral T>
  LogValue(T value) : value_(static_cast<uint64_t>(value)) {}
  template <std::floating_point T>
  LogValue(T value) : value_(static_cast<double>(value)) {}
  // NOLINTEND(google-explicit-constructor)

  // Appends it as a part of a line of key=value pairs: quoted as in JSON if it
  // is text that is empty or holds anything but visible ASCII, or one of "=\.
  // Text over 2 KiB is cut and ends with "...".
  void AppendText(std::string& line) const;
  // Appends it as a JSON value; what is no number is null.
  void AppendJson(std::string& line) const;

 private:
  std::variant<absl::string_view, bool, int64_t, uint64_t, double> value_;
};

struct LogField {
  absl::string_view key;  // snake_case.
  LogValue value;
};
using LogFields = std::initializer_list<LogField>;

enum class LogFormat : uint8_t { kText, kJson };

// What a line says beside its time and level: `event=NAME key=value …`, or the
// members of a JSON object without its braces.
std::string FormatEvent(LogFormat format, absl::string_view event,
                        LogFields fields);

void LogDebug(absl::string_view event, LogFields fields = {});
void LogInfo(absl::string_view event, LogFields fields = {});
void LogWarn(absl::string_view event, LogFields fields = {});
void LogError(absl::string_view event, LogFields fields = {});

// From now on the least `level` is written: debug, info, warn or error.
void SetUpLogging(const std::string& level, LogFormat format);

}  // namespace lora

#endif  // LORA_SERVER_BASE_LOG_H_
