// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_string_methods.h"

#include <utf8proc.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_access.h"
#include "server/tokenizer/jinja_arguments.h"
#include "server/tokenizer/jinja_text.h"
#include "server/tokenizer/unicode.h"
#include "server/tokenizer/utf8.h"

namespace lora::jinja {
namespace {

constexpr absl::string_view kUnsupportedMethods[] = {
    "casefold",     "center",  "encode",     "expandtabs", "format",
    "format_map",   "isascii", "isdecimal",  "isnumeric",  "isprintable",
    "isidentifier", "istitle", "ljust",      "maketrans",  "partition",
    "rindex",       "rjust",   "rpartition", "swapcase",   "translate",
    "zfill"};

absl::StatusOr<Value> MakeText(std::string text, Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Make(text.size()));
  return Value::String(std::move(text));
}

absl::StatusOr<Value> MakeList(const std::vector<absl::string_view>& parts,
                               Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Step(parts.size() * 64));
  std::vector<Value> items;
  for (const absl::string_view part : parts) {
    items.push_back(Value::String(std::string(part)));
  }
  return Value::List(std::move(items));
}

// A method without arguments that makes a text of a text.
template <std::string (*kConvert)(absl::string_view)>
absl::StatusOr<Value> Convert(const Value& receiver, const Arguments& arguments,
                              Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  return MakeText(kConvert(receiver.as_string()), budget);
}

template <StripSides kSides>
absl::StatusOr<Value> Strip(const Value& receiver, const Arguments& arguments,
                            Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"chars"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::optional<std::string> characters,
                        bound.Text("chars"));
  const absl::string_view text = receiver.as_string();
  return MakeText(
      std::string(characters.has_value() ? StripText(text, kSides, *characters)
                                         : StripText(text, kSides)),
      budget);
}

enum class Side { kLeft, kRight };

template <Side kSide>
absl::StatusOr<Value> Split(const Value& receiver, const Arguments& arguments,
                            Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"sep", "maxsplit"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::optional<std::string> separator,
                        bound.Text("sep"));
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> max_splits,
                        bound.Int("maxsplit"));
  const absl::string_view text = receiver.as_string();
  if (!separator.has_value()) {
    if (kSide == Side::kRight && max_splits.has_value()) {
      return Unsupported("rsplit at white space with a limit");
    }
    return MakeList(SplitWords(text, max_splits), budget);
  }
  if (separator->empty()) return Fail("\"split\" has an empty separator");
  return MakeList(kSide == Side::kLeft
                      ? SplitText(text, *separator, max_splits)
                      : SplitTextFromRight(text, *separator, max_splits),
                  budget);
}

absl::StatusOr<Value> Lines(const Value& receiver, const Arguments& arguments,
                            Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  return MakeList(SplitLines(receiver.as_string()), budget);
}

bool HasAffix(absl::string_view text, absl::string_view affix, Side side) {
  return side == Side::kLeft ? absl::StartsWith(text, affix)
                             : absl::EndsWith(text, affix);
}

// startswith and endswith: one affix, or a tuple of them.
template <Side kSide>
absl::StatusOr<Value> TestAffix(const Value& receiver,
                                const Arguments& arguments, Budget&) {
  static constexpr absl::string_view kParameters[] = {"affix"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  const Value* affix = bound.Find("affix");
  const absl::string_view text = receiver.as_string();
  if (affix != nullptr && affix->is_tuple()) {
    return Value::Bool(std::any_of(
        affix->items().begin(), affix->items().end(), [&](const Value& item) {
          return item.is_string() && HasAffix(text, item.as_string(), kSide);
        }));
  }
  LORA_ASSIGN_OR_RETURN(const std::string single, bound.RequiredText("affix"));
  return Value::Bool(HasAffix(text, single, kSide));
}

template <Side kSide>
absl::StatusOr<Value> RemoveAffix(const Value& receiver,
                                  const Arguments& arguments, Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"affix"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::string affix, bound.RequiredText("affix"));
  absl::string_view text = receiver.as_string();
  if (kSide == Side::kLeft) {
    absl::ConsumePrefix(&text, affix);
  } else {
    absl::ConsumeSuffix(&text, affix);
  }
  return MakeText(std::string(text), budget);
}

absl::StatusOr<Value> Replace(const Value& receiver, const Arguments& arguments,
                              Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"old", "new", "count"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::string from, bound.RequiredText("old"));
  LORA_ASSIGN_OR_RETURN(const std::string to, bound.RequiredText("new"));
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> count, bound.Int("count"));
  const std::string& text = receiver.as_string();
  // The most that can come out, so that it is refused before it is made.
  LORA_RETURN_IF_ERROR(budget.Make(
      text.size() +
      (text.size() / std::max<size_t>(from.size(), 1) + 1) * to.size()));
  return Value::String(ReplaceText(text, from, to, count));
}

template <Side kSide>
absl::StatusOr<Value> Find(const Value& receiver, const Arguments& arguments,
                           Budget&) {
  static constexpr absl::string_view kParameters[] = {"sub"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::string part, bound.RequiredText("sub"));
  const absl::string_view text = receiver.as_string();
  const size_t at = kSide == Side::kLeft ? text.find(part) : text.rfind(part);
  if (at == absl::string_view::npos) return Value::Int(-1);
  return Value::Int(static_cast<int64_t>(CountUtf8(text.substr(0, at))));
}

absl::StatusOr<Value> Index(const Value& receiver, const Arguments& arguments,
                            Budget& budget) {
  LORA_ASSIGN_OR_RETURN(Value found,
                        Find<Side::kLeft>(receiver, arguments, budget));
  if (found.as_int() < 0) return Fail("\"index\" does not find the text");
  return found;
}

absl::StatusOr<Value> Count(const Value& receiver, const Arguments& arguments,
                            Budget&) {
  static constexpr absl::string_view kParameters[] = {"sub"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::string part, bound.RequiredText("sub"));
  const absl::string_view text = receiver.as_string();
  const size_t count = part.empty()
                           ? CountUtf8(text) + 1
                           : SplitText(text, part, std::nullopt).size() - 1;
  return Value::Int(static_cast<int64_t>(count));
}

absl::StatusOr<Value> Join(const Value& receiver, const Arguments& arguments,
                           Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"iterable"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  if (bound.Find("iterable") == nullptr) return Fail("\"join\" needs a list");
  LORA_ASSIGN_OR_RETURN(const std::vector<Value> items,
                        Iterate(*bound.Find("iterable"), budget));
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_string()) {
      return Fail(absl::StrCat("\"join\" found a ", items[i].KindName(),
                               " in the list; strings were expected"));
    }
    const absl::string_view separator =
        i > 0 ? absl::string_view(receiver.as_string()) : "";
    LORA_RETURN_IF_ERROR(
        budget.Make(separator.size() + items[i].as_string().size()));
    absl::StrAppend(&text, separator, items[i].as_string());
  }
  return Value::String(std::move(text));
}

bool IsDigitCharacter(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) ==
         UTF8PROC_CATEGORY_ND;
}

bool IsLetter(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsLetterOrDigit(char32_t c) { return IsLetter(c) || IsNumeric(c); }

bool IsSpaceCharacter(char32_t c) {
  return IsWhiteSpace(c) || (c >= 0x1C && c <= 0x1F);
}

// True for a text that is not empty and has only characters of the class.
template <bool (*kIsMember)(char32_t)>
absl::StatusOr<Value> TestAll(const Value& receiver, const Arguments& arguments,
                              Budget&) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  const std::vector<absl::string_view> characters =
      Characters(receiver.as_string());
  return Value::Bool(!characters.empty() &&
                     std::all_of(characters.begin(), characters.end(),
                                 [](absl::string_view character) {
                                   return kIsMember(FirstCharacter(character));
                                 }));
}

// True for a text that has cased letters, all of them in the case of kConvert.
template <std::string (*kConvert)(absl::string_view)>
absl::StatusOr<Value> TestCase(const Value& receiver,
                               const Arguments& arguments, Budget&) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  const std::string& text = receiver.as_string();
  return Value::Bool(kConvert(text) == text &&
                     UpperCase(text) != ToLowerCase(text));
}

struct NamedMethod {
  absl::string_view name;
  Method method;
};

constexpr NamedMethod kMethods[] = {
    {"capitalize", &Convert<&Capitalize>},
    {"count", &Count},
    {"endswith", &TestAffix<Side::kRight>},
    {"find", &Find<Side::kLeft>},
    {"index", &Index},
    {"isalnum", &TestAll<&IsLetterOrDigit>},
    {"isalpha", &TestAll<&IsLetter>},
    {"isdigit", &TestAll<&IsDigitCharacter>},
    {"islower", &TestCase<&ToLowerCase>},
    {"isspace", &TestAll<&IsSpaceCharacter>},
    {"isupper", &TestCase<&UpperCase>},
    {"join", &Join},
    {"lower", &Convert<&ToLowerCase>},
    {"lstrip", &Strip<StripSides::kLeft>},
    {"removeprefix", &RemoveAffix<Side::kLeft>},
    {"removesuffix", &RemoveAffix<Side::kRight>},
    {"replace", &Replace},
    {"rfind", &Find<Side::kRight>},
    {"rsplit", &Split<Side::kRight>},
    {"rstrip", &Strip<StripSides::kRight>},
    {"split", &Split<Side::kLeft>},
    {"splitlines", &Lines},
    {"startswith", &TestAffix<Side::kLeft>},
    {"strip", &Strip<StripSides::kBoth>},
    {"title", &Convert<&TitleCase>},
    {"upper", &Convert<&UpperCase>},
};

}  // namespace

absl::StatusOr<Method> FindStringMethod(absl::string_view name) {
  for (const NamedMethod& method : kMethods) {
    if (method.name == name) return method.method;
  }
  const auto end = std::end(kUnsupportedMethods);
  if (std::find(std::begin(kUnsupportedMethods), end, name) != end) {
    return Unsupported(absl::StrCat("the string method \"", name, "\""));
  }
  return static_cast<Method>(nullptr);
}

}  // namespace lora::jinja
