// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_methods.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_arguments.h"
#include "server/tokenizer/jinja_loop.h"
#include "server/tokenizer/jinja_operators.h"
#include "server/tokenizer/jinja_string_methods.h"

namespace lora::jinja {
namespace {

constexpr absl::string_view kListMutators[] = {
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
constexpr absl::string_view kDictMutators[] = {"clear", "pop", "popitem",
                                               "setdefault", "update"};

template <size_t N>
bool IsOneOf(absl::string_view name, const absl::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Value Bind(const Value& receiver, Method method) {
  return Value::Function(
      {.call =
           [receiver, method](const Arguments& arguments, Budget& budget) {
             return method(receiver, arguments, budget);
           },
       .depth = receiver.depth() + 1});
}

absl::Status NoArguments(const Arguments& arguments) {
  return BoundArguments::Bind(arguments, {}).status();
}

absl::StatusOr<Value> DictItems(const Value& receiver,
                                const Arguments& arguments, Budget& budget) {
  LORA_RETURN_IF_ERROR(NoArguments(arguments));
  LORA_RETURN_IF_ERROR(budget.Step(receiver.size() * 64));
  std::vector<Value> items;
  for (const auto& [key, value] : receiver.as_dict().entries()) {
    items.push_back(Value::Tuple({Value::String(key), value}));
  }
  return Value::List(std::move(items));
}

absl::StatusOr<Value> DictKeys(const Value& receiver,
                               const Arguments& arguments, Budget& budget) {
  LORA_RETURN_IF_ERROR(NoArguments(arguments));
  LORA_RETURN_IF_ERROR(budget.Step(receiver.size() * 64));
  std::vector<Value> keys;
  for (const auto& [key, value] : receiver.as_dict().entries()) {
    keys.push_back(Value::String(key));
  }
  return Value::List(std::move(keys));
}

absl::StatusOr<Value> DictValues(const Value& receiver,
                                 const Arguments& arguments, Budget& budget) {
  LORA_RETURN_IF_ERROR(NoArguments(arguments));
  LORA_RETURN_IF_ERROR(budget.Step(receiver.size() * 64));
  std::vector<Value> values;
  for (const auto& [key, value] : receiver.as_dict().entries()) {
    values.push_back(value);
  }
  return Value::List(std::move(values));
}

absl::StatusOr<Value> DictGet(const Value& receiver, const Arguments& arguments,
                              Budget&) {
  static constexpr absl::string_view kParameters[] = {"key", "default"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  const Value* key = bound.Find("key");
  if (key == nullptr) return Fail("\"get\" needs a key");
  const Value* found =
      key->is_string() ? receiver.as_dict().Find(key->as_string()) : nullptr;
  if (found != nullptr) return *found;
  const Value* fallback = bound.Find("default");
  return fallback == nullptr ? Value::None() : *fallback;
}

absl::StatusOr<Value> Copy(const Value& receiver, const Arguments& arguments,
                           Budget&) {
  LORA_RETURN_IF_ERROR(NoArguments(arguments));
  return receiver;
}

absl::StatusOr<Value> ListCount(const Value& receiver,
                                const Arguments& arguments, Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"value"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  if (bound.Find("value") == nullptr) return Fail("\"count\" needs a value");
  int64_t count = 0;
  for (const Value& item : receiver.items()) {
    LORA_ASSIGN_OR_RETURN(const bool equal,
                          Equals(item, *bound.Find("value"), budget));
    if (equal) ++count;
  }
  return Value::Int(count);
}

absl::StatusOr<Value> ListIndex(const Value& receiver,
                                const Arguments& arguments, Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"value"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  if (bound.Find("value") == nullptr) return Fail("\"index\" needs a value");
  for (size_t i = 0; i < receiver.size(); ++i) {
    LORA_ASSIGN_OR_RETURN(
        const bool equal,
        Equals(receiver.items()[i], *bound.Find("value"), budget));
    if (equal) return Value::Int(static_cast<int64_t>(i));
  }
  return Fail("\"index\" finds no such value in the list");
}

// loop.cycle(a, b): the argument whose turn it is.
absl::StatusOr<Value> LoopCycle(const Value& receiver,
                                const Arguments& arguments, Budget&) {
  if (arguments.positional.empty()) return Fail("\"cycle\" needs values");
  return arguments
      .positional[receiver.as_loop().index() % arguments.positional.size()];
}

Method FindDictMethod(absl::string_view name) {
  if (name == "items") return &DictItems;
  if (name == "keys") return &DictKeys;
  if (name == "values") return &DictValues;
  if (name == "get") return &DictGet;
  if (name == "copy") return &Copy;
  return nullptr;
}

Method FindListMethod(absl::string_view name) {
  if (name == "count") return &ListCount;
  if (name == "index") return &ListIndex;
  if (name == "copy") return &Copy;
  return nullptr;
}

absl::Status Mutates(const Value& receiver, absl::string_view name) {
  return Fail(absl::StrCat("\"", name, "\" would change a ",
                           receiver.KindName(),
                           ", which templates must not do"));
}

}  // namespace

absl::StatusOr<std::optional<Value>> FindMethod(const Value& receiver,
                                                absl::string_view name) {
  Method method = nullptr;
  if (receiver.is_string()) {
    LORA_ASSIGN_OR_RETURN(method, FindStringMethod(name));
  } else if (receiver.is_dict()) {
    method = FindDictMethod(name);
    // A key of that name is still reached.
    if (IsOneOf(name, kDictMutators) &&
        receiver.as_dict().Find(name) == nullptr) {
      return Mutates(receiver, name);
    }
  } else if (receiver.is_sequence()) {
    method = FindListMethod(name);
    if (!receiver.is_tuple() && IsOneOf(name, kListMutators)) {
      return Mutates(receiver, name);
    }
  } else if (receiver.is_loop()) {
    if (name == "changed") return Unsupported("loop.changed");
    if (name == "cycle") method = &LoopCycle;
  }
  if (method == nullptr) return std::nullopt;
  return Bind(receiver, method);
}

}  // namespace lora::jinja
