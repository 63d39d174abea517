// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_print.h"
#include "server/tokenizer/utf8.h"

namespace lora::jinja {
namespace {

void AppendUtf16Escape(char32_t c, std::string& out) {
  if (c >= 0x10000) {
    const char32_t offset = c - 0x10000;
    absl::StrAppendFormat(&out, "\\u%04x\\u%04x",
                          static_cast<uint32_t>(0xD800 + (offset >> 10)),
                          static_cast<uint32_t>(0xDC00 + (offset & 0x3FF)));
  } else {
    absl::StrAppendFormat(&out, "\\u%04x", static_cast<uint32_t>(c));
  }
}

void AppendJsonCharacter(char32_t c, bool ensure_ascii, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  if (c < 0x20 || (ensure_ascii && c >= 0x7F)) {
    AppendUtf16Escape(c, out);
  } else {
    AppendUtf8(c, out);
  }
}

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget)
      : style_(style), budget_(budget) {}

  absl::StatusOr<std::string> Write(const Value& value) && {
    LORA_RETURN_IF_ERROR(Append(value));
    return std::move(out_);
  }

 private:
  absl::Status Append(const Value& value) {
    LORA_RETURN_IF_ERROR(budget_.Step(value.size()));
    if (value.is_none()) {
      out_ += "null";
    } else if (value.is_bool()) {
      out_ += value.as_bool() ? "true" : "false";
    } else if (value.is_int()) {
      absl::StrAppend(&out_, value.as_int());
    } else if (value.is_float()) {
      AppendFloat(value.as_float());
    } else if (value.is_string()) {
      return AppendString(value.as_string());
    } else if (value.is_sequence()) {
      return AppendList(value.items());
    } else if (value.is_dict()) {
      return AppendObject(value.as_dict());
    } else if (value.is_undefined()) {
      return value.UndefinedError();
    } else {
      return Fail(
          absl::StrCat("a ", value.KindName(), " cannot be written as JSON"));
    }
    return absl::OkStatus();
  }

  void AppendFloat(double value) {
    const std::string text = FloatText(value);
    if (text == "nan") {
      out_ += "NaN";
    } else if (text == "inf" || text == "-inf") {
      absl::StrAppend(&out_, text == "inf" ? "" : "-", "Infinity");
    } else {
      out_ += text;
    }
  }

  absl::Status AppendString(absl::string_view text) {
    LORA_RETURN_IF_ERROR(budget_.Make(text.size()));
    out_.push_back('"');
    while (!text.empty()) {
      const Utf8Head head = ReadUtf8(text);
      AppendJsonCharacter(head.code_point, style_.ensure_ascii, out_);
      text.remove_prefix(head.length);
    }
    out_.push_back('"');
    return absl::OkStatus();
  }

  absl::Status AppendList(const std::vector<Value>& items) {
    if (items.empty()) {
      out_ += "[]";
      return absl::OkStatus();
    }
    out_.push_back('[');
    ++level_;
    bool is_first = true;
    for (const Value& item : items) {
      Separate(std::exchange(is_first, false));
      LORA_RETURN_IF_ERROR(Append(item));
    }
    Close(']');
    return absl::OkStatus();
  }

  absl::Status AppendObject(const Dict& dict) {
    std::vector<const std::pair<std::string, Value>*> entries;
    for (const auto& entry : dict.entries()) entries.push_back(&entry);
    if (entries.empty()) {
      out_ += "{}";
      return absl::OkStatus();
    }
    if (style_.sort_keys) {
      std::sort(
          entries.begin(), entries.end(),
          [](const auto* a, const auto* b) { return a->first < b->first; });
    }
    out_.push_back('{');
    ++level_;
    bool is_first = true;
    for (const auto* entry : entries) {
      Separate(std::exchange(is_first, false));
      LORA_RETURN_IF_ERROR(AppendString(entry->first));
      out_ += style_.key_separator;
      LORA_RETURN_IF_ERROR(Append(entry->second));
    }
    Close('}');
    return absl::OkStatus();
  }

  // What stands before an element.
  void Separate(bool is_first) {
    if (!is_first) out_ += style_.item_separator;
    NewLine();
  }

  void Close(char bracket) {
    --level_;
    NewLine();
    out_.push_back(bracket);
  }

  void NewLine() {
    if (style_.indent.empty()) return;
    out_.push_back('\n');
    for (int i = 0; i < level_; ++i) out_ += style_.indent;
  }

  const JsonStyle& style_;
  Budget& budget_;
  int level_ = 0;
  std::string out_;
};

}  // namespace

absl::StatusOr<std::string> ToJson(const Value& value, const JsonStyle& style,
                                   Budget& budget) {
  return JsonWriter(style, budget).Write(value);
}

}  // namespace lora::jinja
