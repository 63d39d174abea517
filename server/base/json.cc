// SPDX-License-Identifier: Apache-2.0
#include "server/base/json.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora {
namespace {

constexpr absl::string_view kDuplicateKeyPayload = "lora.v1/duplicate_key";
constexpr absl::string_view kTooManyValuesPayload = "lora.v1/too_many_values";

absl::Status SyntaxError(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kConfigSyntax,
               message);
}

// Builds the document from SAX events, so that duplicate keys and depth are
// seen: the library's own builder keeps the last of two equal keys.
class DocumentBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit DocumentBuilder(const JsonLimits& limits)
      : max_depth_(limits.max_depth), max_values_(limits.max_values) {}

  bool null() override { return Add(Json(nullptr)); }
  bool boolean(bool value) override { return Add(Json(value)); }
  bool number_integer(number_integer_t value) override {
    return Add(Json(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Add(Json(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Add(Json(value));
  }
  bool string(string_t& value) override { return Add(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override { return Open(Json::object()); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }

  bool key(string_t& value) override {
    Frame& frame = stack_.back();
    if (!frame.keys.insert(value).second) {
      status_ = SyntaxError(
          absl::StrCat("the key \"", value, "\" occurs twice in one object"));
      status_.SetPayload(kDuplicateKeyPayload, absl::Cord(value));
      return false;
    }
    frame.key = std::move(value);
    return true;
  }

  bool parse_error(size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) override {
    // The library's text is "[json.exception...] parse error ...: why".
    absl::string_view what = error.what();
    const size_t colon = what.find(": ");
    if (colon != absl::string_view::npos) what.remove_prefix(colon + 2);
    status_ = SyntaxError(
        absl::StrCat("not valid JSON at byte ", position, ": ", what));
    (void)last_token;
    return false;
  }

  absl::StatusOr<Json> Finish(bool ok) && {
    if (!status_.ok()) return status_;
    if (!ok) return SyntaxError("not valid JSON");
    return std::move(root_);
  }

 private:
  struct Frame {
    Json value;
    std::string key;
    absl::flat_hash_set<std::string> keys;
  };

  bool Open(Json container) {
    if (static_cast<int>(stack_.size()) >= max_depth_) {
      status_ = SyntaxError(
          absl::StrCat("nested deeper than ", max_depth_, " levels"));
      return false;
    }
    if (!Count()) return false;
    stack_.push_back(Frame{.value = std::move(container)});
    return true;
  }

  bool Close() {
    Json done = std::move(stack_.back().value);
    stack_.pop_back();
    return Put(std::move(done));
  }

  bool Add(Json value) { return Count() && Put(std::move(value)); }

  bool Count() {
    if (++num_values_ <= max_values_) return true;
    status_ =
        SyntaxError(absl::StrCat("holds more than ", max_values_, " values"));
    status_.SetPayload(kTooManyValuesPayload, absl::Cord());
    return false;
  }

  bool Put(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Frame& frame = stack_.back();
    if (frame.value.is_array()) {
      frame.value.push_back(std::move(value));
    } else {
      // Straight to the end: the key is known to be new, and the ordered
      // map's own insertion would search for it.
      frame.value.get_ref<Json::object_t&>().push_back(
          {std::move(frame.key), std::move(value)});
    }
    return true;
  }

  const int max_depth_;
  const size_t max_values_;
  size_t num_values_ = 0;
  std::vector<Frame> stack_;
  Json root_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text, JsonLimits limits) {
  if (text.size() > limits.max_bytes) {
    return SyntaxError(absl::StrCat("is ", text.size(), " bytes long; at most ",
                                    limits.max_bytes, " are read"));
  }
  if (absl::StartsWith(text, "\xEF\xBB\xBF")) {
    return SyntaxError(
        "starts with a byte-order mark; save the file as plain UTF-8");
  }
  // The library takes it for the end of the text and ignores what follows.
  if (const size_t nul = text.find('\0'); nul != absl::string_view::npos) {
    return SyntaxError(absl::StrCat("holds a NUL character at byte ", nul));
  }
  DocumentBuilder builder(limits);
  const bool ok = Json::sax_parse(text.begin(), text.end(), &builder);
  return std::move(builder).Finish(ok);
}

bool IsDuplicateKeyError(const absl::Status& status) {
  return status.GetPayload(kDuplicateKeyPayload).has_value();
}

bool IsTooManyValuesError(const absl::Status& status) {
  return status.GetPayload(kTooManyValuesPayload).has_value();
}

}  // namespace lora
