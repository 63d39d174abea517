// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_filters.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_arguments.h"
#include "server/tokenizer/jinja_print.h"
#include "server/tokenizer/jinja_sequence_filters.h"
#include "server/tokenizer/jinja_text.h"
#include "server/tokenizer/unicode.h"
#include "server/tokenizer/utf8.h"

namespace lora::jinja {
namespace {

constexpr int64_t kMaxIndent = 1000;

absl::StatusOr<Value> MakeText(std::string text, Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Make(text.size()));
  return Value::String(std::move(text));
}

template <std::string (*kConvert)(absl::string_view)>
absl::StatusOr<Value> Convert(const Value& input, const Arguments& arguments,
                              Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  LORA_ASSIGN_OR_RETURN(const std::string text, ToText(input, budget));
  return MakeText(kConvert(text), budget);
}

std::string Same(absl::string_view text) { return std::string(text); }

// Unlike str.title only white space and opening brackets begin a word.
std::string TitleWords(absl::string_view text) {
  constexpr absl::string_view kWordBreaks = "-({[<";
  std::string out;
  bool begins_word = true;
  for (const absl::string_view character : Characters(text)) {
    absl::StrAppend(
        &out, begins_word ? UpperCase(character) : ToLowerCase(character));
    begins_word = absl::StrContains(kWordBreaks, character) ||
                  StripText(character, StripSides::kBoth).empty();
  }
  return out;
}

absl::StatusOr<Value> Trim(const Value& input, const Arguments& arguments,
                           Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"chars"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::optional<std::string> characters,
                        bound.Text("chars"));
  LORA_ASSIGN_OR_RETURN(const std::string text, ToText(input, budget));
  return MakeText(
      std::string(characters.has_value()
                      ? StripText(text, StripSides::kBoth, *characters)
                      : StripText(text, StripSides::kBoth)),
      budget);
}

absl::StatusOr<Value> Replace(const Value& input, const Arguments& arguments,
                              Budget& budget) {
  LORA_ASSIGN_OR_RETURN(std::string text, ToText(input, budget));
  LORA_ASSIGN_OR_RETURN(const Method replace, FindStringMethod("replace"));
  return replace(Value::String(std::move(text)), arguments, budget);
}

absl::StatusOr<Value> Indent(const Value& input, const Arguments& arguments,
                             Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"width", "first",
                                                      "blank"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  std::string indentation(4, ' ');
  if (const Value* width = bound.Find("width")) {
    if (width->is_string()) {
      indentation = width->as_string();
    } else {
      LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> count,
                            bound.Int("width"));
      if (count.value_or(0) > kMaxIndent) return Fail("the indent is too wide");
      indentation.assign(std::max<int64_t>(count.value_or(0), 0), ' ');
    }
  }
  if (input.is_undefined()) return input.UndefinedError();
  if (!input.is_string()) {
    return Fail(absl::StrCat("a ", input.KindName(), " has no lines"));
  }
  std::string text = input.as_string();
  // So that a last line that is empty counts as one.
  text.push_back('\n');
  std::string out = bound.IsTrue("first") ? indentation : "";
  bool is_first = true;
  for (const absl::string_view line : SplitLines(text)) {
    const bool indents = !is_first && (bound.IsTrue("blank") || !line.empty());
    LORA_RETURN_IF_ERROR(budget.Make(line.size() + indentation.size() + 1));
    absl::StrAppend(&out, is_first ? "" : "\n", indents ? indentation : "",
                    line);
    is_first = false;
  }
  return Value::String(std::move(out));
}

absl::StatusOr<Value> Length(const Value& input, const Arguments& arguments,
                             Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  LORA_RETURN_IF_ERROR(budget.Step(input.is_string() ? input.size() : 0));
  if (input.is_undefined()) return Value::Int(0);
  if (input.is_string()) {
    return Value::Int(static_cast<int64_t>(CountUtf8(input.as_string())));
  }
  if (input.is_sequence() || input.is_dict()) {
    return Value::Int(static_cast<int64_t>(input.size()));
  }
  return Fail(absl::StrCat("a ", input.KindName(), " has no length"));
}

absl::StatusOr<Value> Default(const Value& input, const Arguments& arguments,
                              Budget&) {
  static constexpr absl::string_view kParameters[] = {"default_value",
                                                      "boolean"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  if (!input.is_undefined() && (!bound.IsTrue("boolean") || input.IsTrue())) {
    return input;
  }
  const Value* fallback = bound.Find("default_value");
  return fallback == nullptr ? Value::String("") : *fallback;
}

// The style of json.dumps with these arguments.
absl::StatusOr<JsonStyle> ReadJsonStyle(const BoundArguments& bound) {
  JsonStyle style{.ensure_ascii = bound.IsTrue("ensure_ascii"),
                  .sort_keys = bound.IsTrue("sort_keys")};
  const Value* indent = bound.Find("indent");
  if (indent != nullptr && indent->is_string()) {
    style.indent = indent->as_string();
  } else {
    LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> width,
                          bound.Int("indent"));
    if (width > kMaxIndent) return Fail("the indent is too wide");
    if (width.has_value() && *width <= 0) {
      return Unsupported("\"tojson\" with an indent of 0");
    }
    style.indent.assign(width.value_or(0), ' ');
  }
  if (!style.indent.empty()) style.item_separator = std::string(1, ',');
  const Value* separators = bound.Find("separators");
  if (separators == nullptr || separators->is_none()) return style;
  if (!separators->is_sequence() || separators->size() != 2 ||
      !separators->items()[0].is_string() ||
      !separators->items()[1].is_string()) {
    return Fail("\"separators\" are not two strings");
  }
  style.item_separator = separators->items()[0].as_string();
  style.key_separator = separators->items()[1].as_string();
  return style;
}

absl::StatusOr<Value> ToJsonFilter(const Value& input,
                                   const Arguments& arguments, Budget& budget) {
  static constexpr absl::string_view kParameters[] = {
      "ensure_ascii", "indent", "separators", "sort_keys"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const JsonStyle style, ReadJsonStyle(bound));
  LORA_ASSIGN_OR_RETURN(std::string text, ToJson(input, style, budget));
  return MakeText(std::move(text), budget);
}

std::optional<double> ReadFloat(const Value& input) {
  if (input.is_number()) return input.as_float();
  double value = 0;
  if (!input.is_string() ||
      !absl::SimpleAtod(StripText(input.as_string(), StripSides::kBoth),
                        &value)) {
    return std::nullopt;
  }
  return value;
}

absl::StatusOr<Value> ToFloat(const Value& input, const Arguments& arguments,
                              Budget&) {
  static constexpr absl::string_view kParameters[] = {"default"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  if (input.is_undefined()) return input.UndefinedError();
  if (const std::optional<double> value = ReadFloat(input)) {
    return Value::Float(*value);
  }
  const Value* fallback = bound.Find("default");
  return fallback == nullptr ? Value::Float(0) : *fallback;
}

absl::StatusOr<Value> ToInt(const Value& input, const Arguments& arguments,
                            Budget&) {
  static constexpr absl::string_view kParameters[] = {"default", "base"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> base, bound.Int("base"));
  if (base.value_or(10) != 10) return Unsupported("\"int\" with a base");
  if (input.is_undefined()) return input.UndefinedError();
  if (input.is_integral()) return Value::Int(input.as_int());
  int64_t whole = 0;
  if (input.is_string() &&
      absl::SimpleAtoi(StripText(input.as_string(), StripSides::kBoth),
                       &whole)) {
    return Value::Int(whole);
  }
  constexpr double kLimit = 9.2e18;
  const std::optional<double> value = ReadFloat(input);
  if (value.has_value() && std::abs(*value) < kLimit) {
    return Value::Int(static_cast<int64_t>(*value));
  }
  const Value* fallback = bound.Find("default");
  return fallback == nullptr ? Value::Int(0) : *fallback;
}

absl::StatusOr<Value> Abs(const Value& input, const Arguments& arguments,
                          Budget&) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  if (input.is_float()) return Value::Float(std::abs(input.as_float()));
  if (input.is_integral() &&
      input.as_int() != std::numeric_limits<int64_t>::min()) {
    return Value::Int(std::abs(input.as_int()));
  }
  return Fail(absl::StrCat("\"abs\" of a ", input.KindName()));
}

struct NamedFilter {
  absl::string_view name;
  Method filter;
};

constexpr NamedFilter kFilters[] = {
    {"abs", &Abs},
    {"capitalize", &Convert<&Capitalize>},
    {"count", &Length},
    {"d", &Default},
    {"default", &Default},
    {"float", &ToFloat},
    {"indent", &Indent},
    {"int", &ToInt},
    {"length", &Length},
    {"lower", &Convert<&ToLowerCase>},
    {"replace", &Replace},
    {"safe", &Convert<&Same>},
    {"string", &Convert<&Same>},
    {"title", &Convert<&TitleWords>},
    {"tojson", &ToJsonFilter},
    {"trim", &Trim},
    {"upper", &Convert<&UpperCase>},
};

Method FindFilter(absl::string_view name) {
  for (const NamedFilter& filter : kFilters) {
    if (filter.name == name) return filter.filter;
  }
  return FindSequenceFilter(name);
}

}  // namespace

bool IsFilter(absl::string_view name) { return FindFilter(name) != nullptr; }

absl::StatusOr<Value> ApplyFilter(absl::string_view name, const Value& input,
                                  const Arguments& arguments, Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Step(input.size()));
  absl::StatusOr<Value> result = FindFilter(name)(input, arguments, budget);
  if (result.ok()) return result;
  return Annotate(result.status(), absl::StrCat("the filter \"", name, "\""));
}

}  // namespace lora::jinja
