// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_access.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_loop.h"
#include "server/tokenizer/jinja_methods.h"
#include "server/tokenizer/jinja_text.h"
#include "server/tokenizer/utf8.h"

namespace lora::jinja {
namespace {

Value MissingAttribute(const Value& object, absl::string_view name) {
  return Value::Undefined(absl::StrCat("\"", object.KindName(),
                                       "\" has no attribute \"", name, "\""));
}

// A method, or a member of a loop or namespace; nullopt: it has none.
absl::StatusOr<std::optional<Value>> FindMember(const Value& object,
                                                absl::string_view name) {
  if (object.is_namespace()) {
    const auto& members = object.as_namespace().members;
    const auto it = members.find(name);
    if (it == members.end()) return std::nullopt;
    return it->second;
  }
  if (object.is_loop()) {
    std::optional<Value> attribute = object.as_loop().Attribute(name);
    if (attribute.has_value()) return attribute;
  }
  return FindMethod(object, name);
}

const Value* FindEntry(const Value& object, absl::string_view key) {
  return object.is_dict() ? object.as_dict().Find(key) : nullptr;
}

absl::StatusOr<Value> GetElement(const Value& object, int64_t index,
                                 Budget& budget) {
  LORA_RETURN_IF_ERROR(
      budget.Step(object.is_string() ? object.size() : size_t{1}));
  const auto size = static_cast<int64_t>(
      object.is_string() ? CountUtf8(object.as_string()) : object.size());
  const int64_t position = index < 0 ? index + size : index;
  if (position < 0 || position >= size) {
    return Value::Undefined(
        absl::StrCat("a ", object.KindName(), " has no element ", index));
  }
  if (object.is_sequence()) return object.items()[position];
  return Value::String(std::string(Characters(object.as_string())[position]));
}

// The positions that a slice picks out of `size` elements.
struct Picked {
  int64_t begin;
  int64_t end;
  int64_t step;
};

absl::StatusOr<std::optional<int64_t>> BoundOf(const Value& bound) {
  if (bound.is_none()) return std::nullopt;
  if (!bound.is_integral()) {
    return Fail(absl::StrCat("a slice is given by a ", bound.KindName(),
                             "; a whole number was expected"));
  }
  return bound.as_int();
}

absl::StatusOr<Picked> PickSlice(const SliceBounds& bounds, int64_t size) {
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> begin,
                        BoundOf(bounds.begin));
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> end, BoundOf(bounds.end));
  LORA_ASSIGN_OR_RETURN(const std::optional<int64_t> given_step,
                        BoundOf(bounds.step));
  if (given_step == 0) return Fail("the step of a slice is 0");
  // A longer step than the sequence picks one element, as `size` does.
  const int64_t step =
      std::clamp<int64_t>(given_step.value_or(1), -size - 1, size + 1);
  const int64_t lowest = step < 0 ? -1 : 0;
  const int64_t highest = step < 0 ? size - 1 : size;
  const auto resolve = [&](std::optional<int64_t> bound, int64_t fallback) {
    if (!bound.has_value()) return fallback;
    const int64_t position = *bound < 0 ? *bound + size : *bound;
    return std::clamp(position, lowest, highest);
  };
  return Picked{.begin = resolve(begin, step < 0 ? highest : lowest),
                .end = resolve(end, step < 0 ? lowest : highest),
                .step = step};
}

template <typename Take>
void ForEachPicked(const Picked& picked, Take take) {
  for (int64_t i = picked.begin;
       picked.step > 0 ? i < picked.end : i > picked.end; i += picked.step) {
    take(i);
  }
}

}  // namespace

absl::StatusOr<Value> GetAttribute(const Value& object,
                                   absl::string_view name) {
  if (object.is_undefined()) return object.UndefinedError();
  LORA_ASSIGN_OR_RETURN(std::optional<Value> member, FindMember(object, name));
  if (member.has_value()) return *std::move(member);
  if (const Value* entry = FindEntry(object, name)) return *entry;
  return MissingAttribute(object, name);
}

absl::StatusOr<Value> GetItem(const Value& object, const Value& key,
                              Budget& budget) {
  if (object.is_undefined()) return object.UndefinedError();
  if (key.is_integral() && (object.is_sequence() || object.is_string())) {
    return GetElement(object, key.as_int(), budget);
  }
  if (!key.is_string()) {
    return Value::Undefined(absl::StrCat("a ", object.KindName(),
                                         " has no element of this key, a ",
                                         key.KindName()));
  }
  if (const Value* entry = FindEntry(object, key.as_string())) return *entry;
  LORA_ASSIGN_OR_RETURN(std::optional<Value> member,
                        FindMember(object, key.as_string()));
  if (member.has_value()) return *std::move(member);
  return MissingAttribute(object, key.as_string());
}

absl::StatusOr<Value> GetSlice(const Value& object, const SliceBounds& bounds,
                               Budget& budget) {
  if (object.is_undefined()) return object.UndefinedError();
  if (!object.is_string() && !object.is_sequence()) {
    return Fail(absl::StrCat("a ", object.KindName(), " cannot be sliced"));
  }
  LORA_RETURN_IF_ERROR(budget.Step(object.size() * 16));
  if (object.is_string()) {
    const std::vector<absl::string_view> characters =
        Characters(object.as_string());
    LORA_ASSIGN_OR_RETURN(
        const Picked picked,
        PickSlice(bounds, static_cast<int64_t>(characters.size())));
    std::string text;
    ForEachPicked(picked,
                  [&](int64_t i) { absl::StrAppend(&text, characters[i]); });
    LORA_RETURN_IF_ERROR(budget.Make(text.size()));
    return Value::String(std::move(text));
  }
  LORA_ASSIGN_OR_RETURN(
      const Picked picked,
      PickSlice(bounds, static_cast<int64_t>(object.items().size())));
  std::vector<Value> items;
  ForEachPicked(picked, [&](int64_t i) { items.push_back(object.items()[i]); });
  return object.is_tuple() ? Value::Tuple(std::move(items))
                           : Value::List(std::move(items));
}

absl::StatusOr<std::vector<Value>> Iterate(const Value& value, Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Step(value.size() * 16));
  if (value.is_undefined()) return std::vector<Value>();
  if (value.is_sequence()) return value.items();
  std::vector<Value> items;
  if (value.is_dict()) {
    for (const auto& [key, unused] : value.as_dict().entries()) {
      items.push_back(Value::String(key));
    }
    return items;
  }
  if (value.is_string()) {
    LORA_RETURN_IF_ERROR(budget.Step(value.size() * 64));
    for (const absl::string_view character : Characters(value.as_string())) {
      items.push_back(Value::String(std::string(character)));
    }
    return items;
  }
  return Fail(absl::StrCat("a ", value.KindName(), " is not iterable"));
}

}  // namespace lora::jinja
