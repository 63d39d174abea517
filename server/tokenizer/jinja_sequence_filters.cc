// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_sequence_filters.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_access.h"
#include "server/tokenizer/jinja_arguments.h"
#include "server/tokenizer/jinja_filters.h"
#include "server/tokenizer/jinja_operators.h"
#include "server/tokenizer/jinja_print.h"
#include "server/tokenizer/jinja_tests.h"
#include "server/tokenizer/jinja_text.h"
#include "server/tokenizer/unicode.h"

namespace lora::jinja {
namespace {

using Values = std::vector<Value>;

// item.a.0.b for the attribute "a.0.b"; the item itself without an attribute.
absl::StatusOr<Value> GetPath(Value item, const Value* attribute,
                              Budget& budget) {
  if (attribute == nullptr || attribute->is_none()) return item;
  if (attribute->is_integral()) return GetItem(item, *attribute, budget);
  if (!attribute->is_string()) return Fail("an attribute is no string");
  for (const absl::string_view part :
       absl::StrSplit(attribute->as_string(), '.')) {
    int64_t index = 0;
    const Value key = absl::SimpleAtoi(part, &index)
                          ? Value::Int(index)
                          : Value::String(std::string(part));
    LORA_ASSIGN_OR_RETURN(item, GetItem(item, key, budget));
  }
  return item;
}

absl::StatusOr<Value> First(const Value& input, const Arguments& arguments,
                            Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  LORA_ASSIGN_OR_RETURN(const Values items, Iterate(input, budget));
  if (items.empty()) return Value::Undefined("there is no first item");
  return items.front();
}

absl::StatusOr<Value> Last(const Value& input, const Arguments& arguments,
                           Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  LORA_ASSIGN_OR_RETURN(const Values items, Iterate(input, budget));
  if (items.empty()) return Value::Undefined("there is no last item");
  return items.back();
}

absl::StatusOr<Value> ToList(const Value& input, const Arguments& arguments,
                             Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  LORA_ASSIGN_OR_RETURN(Values items, Iterate(input, budget));
  return Value::List(std::move(items));
}

absl::StatusOr<Value> Items(const Value& input, const Arguments& arguments,
                            Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  Values items;
  if (input.is_undefined()) return Value::List(std::move(items));
  if (!input.is_dict()) {
    return Fail(absl::StrCat("\"items\" of a ", input.KindName(),
                             "; a mapping was expected"));
  }
  LORA_RETURN_IF_ERROR(budget.Step(input.size() * 64));
  for (const auto& [key, value] : input.as_dict().entries()) {
    items.push_back(Value::Tuple({Value::String(key), value}));
  }
  return Value::List(std::move(items));
}

absl::StatusOr<Value> Join(const Value& input, const Arguments& arguments,
                           Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"d", "attribute"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  std::string separator;
  if (bound.Find("d") != nullptr) {
    LORA_ASSIGN_OR_RETURN(separator, ToText(*bound.Find("d"), budget));
  }
  LORA_ASSIGN_OR_RETURN(const Values items, Iterate(input, budget));
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    LORA_ASSIGN_OR_RETURN(const Value item,
                          GetPath(items[i], bound.Find("attribute"), budget));
    LORA_ASSIGN_OR_RETURN(const std::string item_text, ToText(item, budget));
    LORA_RETURN_IF_ERROR(budget.Make(separator.size() + item_text.size()));
    absl::StrAppend(&text, i > 0 ? separator : "", item_text);
  }
  return Value::String(std::move(text));
}

// map(attribute="a") and map("filter", ...).
absl::StatusOr<Value> Map(const Value& input, const Arguments& arguments,
                          Budget& budget) {
  LORA_ASSIGN_OR_RETURN(const Values items, Iterate(input, budget));
  Values mapped;
  if (arguments.positional.empty()) {
    static constexpr absl::string_view kParameters[] = {"attribute", "default"};
    LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                          BoundArguments::Bind(arguments, kParameters));
    if (bound.Find("attribute") == nullptr) {
      return Fail("\"map\" needs a filter or an attribute");
    }
    const Value* fallback = bound.Find("default");
    for (const Value& item : items) {
      LORA_ASSIGN_OR_RETURN(Value value,
                            GetPath(item, bound.Find("attribute"), budget));
      if (value.is_undefined() && fallback != nullptr) value = *fallback;
      mapped.push_back(std::move(value));
    }
    return Value::List(std::move(mapped));
  }
  const Value& filter = arguments.positional[0];
  if (!filter.is_string() || !IsFilter(filter.as_string())) {
    return Unsupported("\"map\" with a filter that does not exist here");
  }
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin());
  for (const Value& item : items) {
    LORA_ASSIGN_OR_RETURN(Value value,
                          ApplyFilter(filter.as_string(), item, rest, budget));
    mapped.push_back(std::move(value));
  }
  return Value::List(std::move(mapped));
}

// Which items select and its kin keep, and what of an item they look at.
enum class Keep { kIfTrue, kIfFalse };
enum class LookAt { kItem, kAttribute };

template <Keep kKeep, LookAt kLookAt>
absl::StatusOr<Value> Select(const Value& input, const Arguments& arguments,
                             Budget& budget) {
  Arguments rest = arguments;
  const auto take_first = [&rest]() -> std::optional<Value> {
    if (rest.positional.empty()) return std::nullopt;
    Value first = rest.positional.front();
    rest.positional.erase(rest.positional.begin());
    return first;
  };
  std::optional<Value> attribute;
  if (kLookAt == LookAt::kAttribute) {
    attribute = take_first();
    if (!attribute.has_value()) return Fail("the attribute is missing");
  }
  const std::optional<Value> test = take_first();
  if (test.has_value() && (!test->is_string() || !IsTest(test->as_string()))) {
    return Unsupported("selecting with a test that does not exist here");
  }
  LORA_ASSIGN_OR_RETURN(const Values items, Iterate(input, budget));
  Values kept;
  for (const Value& item : items) {
    LORA_ASSIGN_OR_RETURN(
        const Value looked_at,
        GetPath(item, attribute.has_value() ? &*attribute : nullptr, budget));
    bool passes = looked_at.IsTrue();
    if (test.has_value()) {
      LORA_ASSIGN_OR_RETURN(
          passes, ApplyTest(test->as_string(), looked_at, rest, budget));
    }
    if (passes == (kKeep == Keep::kIfTrue)) kept.push_back(item);
  }
  return Value::List(std::move(kept));
}

absl::StatusOr<Value> Reverse(const Value& input, const Arguments& arguments,
                              Budget& budget) {
  LORA_RETURN_IF_ERROR(BoundArguments::Bind(arguments, {}).status());
  if (input.is_string()) {
    return GetSlice(
        input,
        {.begin = Value::None(), .end = Value::None(), .step = Value::Int(-1)},
        budget);
  }
  LORA_ASSIGN_OR_RETURN(Values items, Iterate(input, budget));
  std::reverse(items.begin(), items.end());
  return Value::List(std::move(items));
}

// What sort and its kin compare: an attribute, in lower case unless asked.
class SortKey {
 public:
  static constexpr absl::string_view kCaseSensitive = "case_sensitive";
  static constexpr absl::string_view kAttribute = "attribute";

  explicit SortKey(const BoundArguments& bound) : bound_(bound) {}

  absl::StatusOr<Value> Of(const Value& item, Budget& budget) const {
    LORA_ASSIGN_OR_RETURN(Value key,
                          GetPath(item, bound_.Find(kAttribute), budget));
    if (key.is_string() && !bound_.IsTrue(kCaseSensitive)) {
      LORA_RETURN_IF_ERROR(budget.Make(key.size()));
      return Value::String(ToLowerCase(key.as_string()));
    }
    return key;
  }

 private:
  const BoundArguments& bound_;
};

using Keyed = std::pair<Value, Value>;  // The key, the item.

// Orders by key, which are all numbers or all strings; equal ones stay.
absl::StatusOr<Value> SortByKey(std::vector<Keyed> keyed, bool reverse,
                                Budget& budget) {
  const auto all = [&keyed](bool (Value::*is)() const) {
    return std::all_of(keyed.begin(), keyed.end(), [is](const Keyed& entry) {
      return (entry.first.*is)();
    });
  };
  const bool are_numbers = all(&Value::is_number);
  if (!are_numbers && !all(&Value::is_string)) {
    return Fail(
        "only numbers among themselves and strings among themselves "
        "can be sorted");
  }
  LORA_RETURN_IF_ERROR(budget.Step(keyed.size() * 64 * 16));
  const auto less = [are_numbers](const Value& a, const Value& b) {
    return are_numbers ? a.as_float() < b.as_float()
                       : a.as_string() < b.as_string();
  };
  std::stable_sort(
      keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
        return reverse ? less(b.first, a.first) : less(a.first, b.first);
      });
  Values items;
  for (Keyed& entry : keyed) items.push_back(std::move(entry.second));
  return Value::List(std::move(items));
}

absl::StatusOr<std::vector<Keyed>> KeyItems(const Value& input,
                                            const SortKey& key,
                                            Budget& budget) {
  LORA_ASSIGN_OR_RETURN(const Values items, Iterate(input, budget));
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    LORA_ASSIGN_OR_RETURN(Value item_key, key.Of(item, budget));
    keyed.emplace_back(std::move(item_key), item);
  }
  return keyed;
}

absl::StatusOr<Value> Sort(const Value& input, const Arguments& arguments,
                           Budget& budget) {
  static constexpr absl::string_view kParameters[] = {
      "reverse", SortKey::kCaseSensitive, SortKey::kAttribute};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(std::vector<Keyed> keyed,
                        KeyItems(input, SortKey(bound), budget));
  return SortByKey(std::move(keyed), bound.IsTrue("reverse"), budget);
}

absl::StatusOr<Value> DictSort(const Value& input, const Arguments& arguments,
                               Budget& budget) {
  static constexpr absl::string_view kParameters[] = {SortKey::kCaseSensitive,
                                                      "by", "reverse"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const std::optional<std::string> by, bound.Text("by"));
  if (by.value_or("key") != "key" && by != "value") {
    return Fail("\"dictsort\" sorts by \"key\" or \"value\"");
  }
  if (input.is_undefined()) return input.UndefinedError();
  LORA_ASSIGN_OR_RETURN(const Value pairs, Items(input, {}, budget));
  std::vector<Keyed> keyed;
  for (const Value& pair : pairs.items()) {
    Value key = pair.items()[by == "value" ? 1 : 0];
    if (key.is_string() && !bound.IsTrue(SortKey::kCaseSensitive)) {
      key = Value::String(ToLowerCase(key.as_string()));
    }
    keyed.emplace_back(std::move(key), pair);
  }
  return SortByKey(std::move(keyed), bound.IsTrue("reverse"), budget);
}

absl::StatusOr<Value> Unique(const Value& input, const Arguments& arguments,
                             Budget& budget) {
  static constexpr absl::string_view kParameters[] = {SortKey::kCaseSensitive,
                                                      SortKey::kAttribute};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(std::vector<Keyed> keyed,
                        KeyItems(input, SortKey(bound), budget));
  Values seen;
  Values kept;
  for (Keyed& entry : keyed) {
    LORA_ASSIGN_OR_RETURN(const bool known,
                          Contains(Value::List(seen), entry.first, budget));
    if (known) continue;
    seen.push_back(std::move(entry.first));
    kept.push_back(std::move(entry.second));
  }
  return Value::List(std::move(kept));
}

enum class Extreme { kLeast, kGreatest };

template <Extreme kExtreme>
absl::StatusOr<Value> FindExtreme(const Value& input,
                                  const Arguments& arguments, Budget& budget) {
  static constexpr absl::string_view kParameters[] = {SortKey::kCaseSensitive,
                                                      SortKey::kAttribute};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(std::vector<Keyed> keyed,
                        KeyItems(input, SortKey(bound), budget));
  if (keyed.empty()) return Value::Undefined("there is no item to choose");
  size_t best = 0;
  for (size_t i = 1; i < keyed.size(); ++i) {
    const Value& candidate = keyed[i].first;
    LORA_ASSIGN_OR_RETURN(const bool better,
                          kExtreme == Extreme::kLeast
                              ? IsLess(candidate, keyed[best].first, budget)
                              : IsLess(keyed[best].first, candidate, budget));
    if (better) best = i;
  }
  return keyed[best].second;
}

absl::StatusOr<Value> Sum(const Value& input, const Arguments& arguments,
                          Budget& budget) {
  static constexpr absl::string_view kParameters[] = {"attribute", "start"};
  LORA_ASSIGN_OR_RETURN(const BoundArguments bound,
                        BoundArguments::Bind(arguments, kParameters));
  LORA_ASSIGN_OR_RETURN(const Values items, Iterate(input, budget));
  const Value* start = bound.Find("start");
  Value sum = start == nullptr ? Value::Int(0) : *start;
  for (const Value& item : items) {
    LORA_ASSIGN_OR_RETURN(const Value term,
                          GetPath(item, bound.Find("attribute"), budget));
    LORA_ASSIGN_OR_RETURN(sum,
                          ApplyBinary(BinaryOperator::kAdd, sum, term, budget));
  }
  return sum;
}

struct NamedFilter {
  absl::string_view name;
  Method filter;
};

constexpr NamedFilter kFilters[] = {
    {"dictsort", &DictSort},
    {"first", &First},
    {"items", &Items},
    {"join", &Join},
    {"last", &Last},
    {"list", &ToList},
    {"map", &Map},
    {"max", &FindExtreme<Extreme::kGreatest>},
    {"min", &FindExtreme<Extreme::kLeast>},
    {"reject", &Select<Keep::kIfFalse, LookAt::kItem>},
    {"rejectattr", &Select<Keep::kIfFalse, LookAt::kAttribute>},
    {"reverse", &Reverse},
    {"select", &Select<Keep::kIfTrue, LookAt::kItem>},
    {"selectattr", &Select<Keep::kIfTrue, LookAt::kAttribute>},
    {"sort", &Sort},
    {"sum", &Sum},
    {"unique", &Unique},
};

}  // namespace

Method FindSequenceFilter(absl::string_view name) {
  for (const NamedFilter& filter : kFilters) {
    if (filter.name == name) return filter.filter;
  }
  return nullptr;
}

}  // namespace lora::jinja
