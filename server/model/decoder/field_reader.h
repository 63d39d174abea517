// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_FIELD_READER_H_
#define LORA_SERVER_MODEL_DECODER_FIELD_READER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"

namespace lora {

// Reads the fields of one JSON object with defaults and bounds, and remembers
// which fields were asked for.
//
// The first error sticks: later calls return their defaults, and status() tells
// it at the end, so that a caller reads all fields in one go. A field that is
// null reads as missing. Not thread-safe. `object` must outlive the reader.
class FieldReader {
 public:
  template <typename T>
  struct Range {
    T min;
    T max;
  };

  // `context` opens each message: "config.json".
  FieldReader(const Json& object, std::string context)
      : object_(object), context_(std::move(context)) {}

  // The field's value; null when missing or null.
  const Json* Raw(absl::string_view key);
  bool Has(absl::string_view key) { return Raw(key) != nullptr; }
  // Reports whether the field is there and null.
  bool IsNull(absl::string_view key) const;

  int64_t Int(absl::string_view key, int64_t fallback, Range<int64_t> range);
  double Number(absl::string_view key, double fallback, Range<double> range);
  bool Bool(absl::string_view key, bool fallback);
  std::string String(absl::string_view key, absl::string_view fallback);

  // Makes `status` the reader's unless it has failed before.
  void Fail(absl::Status status);
  // "config.json: `message`".
  void FailBase(absl::string_view message);
  void FailFeature(absl::string_view message);
  const absl::Status& status() const { return status_; }

  // The keys that nobody asked for, in file order.
  std::vector<std::string> UnreadKeys() const;
  const std::string& context() const { return context_; }

 private:
  void FailType(absl::string_view key, absl::string_view expected,
                const Json& found);

  const Json& object_;
  std::string context_;
  absl::Status status_;
  absl::flat_hash_set<std::string> read_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_FIELD_READER_H_
