// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_value.h"

#include <algorithm>
#include <limits>

#include "server/tokenizer/jinja_loop.h"

namespace lora::jinja {
namespace {

int DepthOf(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return depth + 1;
}

std::shared_ptr<const ListData> MakeList(std::vector<Value> items,
                                         bool is_tuple) {
  const int depth = DepthOf(items);
  return std::make_shared<const ListData>(ListData{
      .items = std::move(items), .is_tuple = is_tuple, .depth = depth});
}

}  // namespace

Value Value::None() { return Value(Data(std::monostate())); }
Value Value::Bool(bool value) { return Value(Data(value)); }
Value Value::Int(int64_t value) { return Value(Data(value)); }
Value Value::Float(double value) { return Value(Data(value)); }
Value Value::String(std::string value) {
  return Value(Data(std::make_shared<const std::string>(std::move(value))));
}
Value Value::List(std::vector<Value> items) {
  return Value(Data(MakeList(std::move(items), /*is_tuple=*/false)));
}
Value Value::Tuple(std::vector<Value> items) {
  return Value(Data(MakeList(std::move(items), /*is_tuple=*/true)));
}
Value Value::Mapping(Dict dict) {
  return Value(Data(std::make_shared<const Dict>(std::move(dict))));
}
Value Value::Reference(Namespace* target) { return Value(Data(target)); }
Value Value::Loop(std::shared_ptr<const LoopState> loop) {
  return Value(Data(std::move(loop)));
}
Value Value::Function(Callable callable) {
  return Value(Data(std::make_shared<const Callable>(std::move(callable))));
}
Value Value::Undefined(std::string why) {
  return Value(Data(
      UndefinedValue{std::make_shared<const std::string>(std::move(why))}));
}

Value Value::FromJson(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return Bool(json.get<bool>());
    case Json::value_t::number_integer:
      return Int(json.get<int64_t>());
    case Json::value_t::number_unsigned:
      if (json.get<uint64_t>() >
          static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return Float(json.get<double>());
      }
      return Int(json.get<int64_t>());
    case Json::value_t::number_float:
      return Float(json.get<double>());
    case Json::value_t::string:
      return String(json.get<std::string>());
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const Json& item : json) items.push_back(FromJson(item));
      return List(std::move(items));
    }
    case Json::value_t::object: {
      Dict dict;
      for (const auto& [key, value] : json.items()) {
        dict.Set(key, FromJson(value));
      }
      return Mapping(std::move(dict));
    }
    default:
      return None();
  }
}

bool Value::is_tuple() const {
  return is_sequence() && std::get<ListPtr>(data_)->is_tuple;
}

int64_t Value::as_int() const {
  return is_bool() ? static_cast<int64_t>(as_bool()) : std::get<int64_t>(data_);
}

double Value::as_float() const {
  return is_float() ? std::get<double>(data_) : static_cast<double>(as_int());
}

const std::vector<Value>& Value::items() const {
  return std::get<ListPtr>(data_)->items;
}

bool Value::IsTrue() const {
  if (is_undefined() || is_none()) return false;
  if (is_number()) return as_float() != 0;
  if (is_string()) return !as_string().empty();
  if (is_sequence()) return !items().empty();
  if (is_dict()) return !as_dict().entries().empty();
  return true;
}

absl::string_view Value::KindName() const {
  if (is_undefined()) return "undefined value";
  if (is_none()) return "None";
  if (is_bool()) return "bool object";
  if (is_int()) return "int object";
  if (is_float()) return "float object";
  if (is_string()) return "str object";
  if (is_tuple()) return "tuple object";
  if (is_sequence()) return "list object";
  if (is_dict()) return "dict object";
  if (is_namespace()) return "namespace object";
  if (is_loop()) return "loop object";
  return "function object";
}

absl::Status Value::UndefinedError() const {
  const auto& why = std::get<UndefinedValue>(data_).why;
  return Fail(why == nullptr ? "a value is undefined" : *why);
}

size_t Value::size() const {
  if (is_string()) return as_string().size();
  if (is_sequence()) return items().size();
  if (is_dict()) return as_dict().entries().size();
  return 1;
}

int Value::depth() const {
  if (is_sequence()) return std::get<ListPtr>(data_)->depth;
  if (is_dict()) return as_dict().depth();
  if (is_loop()) return as_loop().depth();
  if (is_callable()) return as_callable().depth;
  return 0;
}

void Dict::Set(std::string key, Value value) {
  depth_ = std::max(depth_, value.depth() + 1);
  const auto [it, added] = index_.try_emplace(key, entries_.size());
  if (added) {
    entries_.emplace_back(std::move(key), std::move(value));
  } else {
    entries_[it->second].second = std::move(value);
  }
}

const Value* Dict::Find(absl::string_view key) const {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &entries_[it->second].second;
}

}  // namespace lora::jinja
