// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_globals.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_arguments.h"
#include "server/tokenizer/jinja_print.h"

namespace lora::jinja {
namespace {

// As the sandbox of Jinja2.
constexpr int64_t kMaxRange = 100'000;
constexpr size_t kMaxDateBytes = 4096;

absl::StatusOr<Value> Range(const Arguments& arguments, Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"start", "stop", "step"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> first, bound.Int("start"));
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> second, bound.Int("stop"));
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> step_argument,
                        bound.Int("step"));
  if (!first.has_value()) return Fail("\"range\" needs a whole number");
  const int64_t start = second.has_value() ? *first : 0;
  const int64_t stop = second.value_or(*first);
  const int64_t step = step_argument.value_or(1);
  if (step == 0) return Fail("the step of \"range\" is 0");
  std::vector<Value> items;
  int64_t i = start;
  while (step > 0 ? i < stop : i > stop) {
    if (static_cast<int64_t>(items.size()) == kMaxRange) {
      return Fail(
          absl::StrCat("\"range\" gives more than ", kMaxRange, " numbers"));
    }
    items.push_back(Value::Int(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  LORA_RETURN_IF_ERROR(budget.Step(items.size() * 16));
  return Value::List(std::move(items));
}

// The members that `dict` and `namespace` are called with.
absl::StatusOr<Dict> ReadMembers(const Arguments& arguments) {
  Dict members;
  if (arguments.positional.size() > 1) return Fail("takes one mapping at most");
  for (const Value& mapping : arguments.positional) {
    if (!mapping.is_dict()) {
      return Fail(absl::StrCat("is given a ", mapping.KindName(),
                               "; a mapping was expected"));
    }
    members = mapping.as_dict();
  }
  for (const auto& [name, value] : arguments.named) members.Set(name, value);
  return members;
}

absl::StatusOr<Value> MakeDict(const Arguments& arguments, Budget&) {
  LORA_ASSIGN_OR_RETURN(Dict members, ReadMembers(arguments));
  return Value::Mapping(std::move(members));
}

absl::StatusOr<Value> RaiseException(const Arguments& arguments,
                                     Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"message"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  if (bound.Find("message") == nullptr) return Fail("the template gave up");
  LORA_ASSIGN_OR_RETURN(const std::string message,
                        ToText(*bound.Find("message"), budget));
  return Fail(message);
}

absl::StatusOr<Value> FormatTime(absl::Time now, const Arguments& arguments) {
  static constexpr absl::string_view kParameters[] = {"format"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(std::string format, bound.RequiredText("format"));
  // strftime also returns 0 for a text that is rightly empty.
  format.push_back('.');
  const std::tm local = absl::ToTM(now, absl::LocalTimeZone());
  std::string text(kMaxDateBytes, '\0');
  const size_t size =
      std::strftime(text.data(), text.size(), format.c_str(), &local);
  if (size == 0) return Fail("the format of strftime_now is too long");
  text.resize(size - 1);
  return Value::String(std::move(text));
}

}  // namespace

void DefineGlobals(absl::Time now, NamespaceArena& namespaces, Scope& scope) {
  scope.Set("range", Value::Function({.call = &Range}));
  scope.Set("dict", Value::Function({.call = &MakeDict}));
  scope.Set("raise_exception", Value::Function({.call = &RaiseException}));
  scope.Set(
      "strftime_now",
      Value::Function({.call = [now](const Arguments& arguments, Budget&) {
        return FormatTime(now, arguments);
      }}));
  scope.Set(
      "namespace",
      Value::Function({.call = [&namespaces](const Arguments& arguments,
                                             Budget&) -> absl::StatusOr<Value> {
        LORA_ASSIGN_OR_RETURN(const Dict members, ReadMembers(arguments));
        namespaces.push_back(std::make_unique<Namespace>());
        for (const auto& [name, value] : members.entries()) {
          namespaces.back()->members.insert_or_assign(name, value);
        }
        return Value::Reference(namespaces.back().get());
      }}));
}

}  // namespace lora::jinja
