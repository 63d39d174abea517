// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_VALUE_H_
#define LORA_SERVER_TOKENIZER_JINJA_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"
#include "server/tokenizer/jinja_budget.h"

namespace lora::jinja {

class Value;
struct ListData;
struct Callable;
class Dict;
class LoopState;

// Variables that a template may assign to (`namespace()`). Owned by the render.
struct Namespace {
  absl::flat_hash_map<std::string, Value> members;
};

// The arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// A value of the template language. Values do not change (the sandbox of
// `transformers` forbids it), so copies share their contents; only a namespace
// is a reference to something that does.
class Value {
 public:
  // Undefined without a name.
  Value() = default;

  static Value None();
  static Value Bool(bool value);
  static Value Int(int64_t value);
  static Value Float(double value);
  static Value String(std::string value);
  static Value List(std::vector<Value> items);
  static Value Tuple(std::vector<Value> items);
  static Value Mapping(Dict dict);
  static Value Reference(Namespace* target);
  static Value Loop(std::shared_ptr<const LoopState> loop);
  static Value Function(Callable callable);
  // The value of a name that nothing has; `why` is the message of the error
  // when it is used.
  static Value Undefined(std::string why);
  // Whole numbers beyond 64 bits become floats.
  static Value FromJson(const Json& json);

  bool is_undefined() const { return Is<UndefinedValue>(); }
  bool is_none() const { return Is<std::monostate>(); }
  bool is_bool() const { return Is<bool>(); }
  bool is_int() const { return Is<int64_t>(); }
  bool is_float() const { return Is<double>(); }
  bool is_string() const { return Is<StringPtr>(); }
  bool is_sequence() const { return Is<ListPtr>(); }  // A list or a tuple.
  bool is_tuple() const;
  bool is_dict() const { return Is<DictPtr>(); }
  bool is_namespace() const { return Is<Namespace*>(); }
  bool is_loop() const { return Is<LoopPtr>(); }
  bool is_callable() const { return Is<CallablePtr>(); }
  // A bool counts as 0 or 1 in arithmetic.
  bool is_integral() const { return is_int() || is_bool(); }
  bool is_number() const { return is_integral() || is_float(); }

  // Each needs the kind that its name says.
  bool as_bool() const { return std::get<bool>(data_); }
  int64_t as_int() const;   // is_integral()
  double as_float() const;  // is_number()
  const std::string& as_string() const { return *std::get<StringPtr>(data_); }
  const std::vector<Value>& items() const;
  const Dict& as_dict() const { return *std::get<DictPtr>(data_); }
  Namespace& as_namespace() const { return *std::get<Namespace*>(data_); }
  const LoopState& as_loop() const { return *std::get<LoopPtr>(data_); }
  const Callable& as_callable() const { return *std::get<CallablePtr>(data_); }

  // Python's truth.
  bool IsTrue() const;
  // "str object", "dict object": how messages name the kind.
  absl::string_view KindName() const;
  // The error of using an undefined value.
  absl::Status UndefinedError() const;
  // The bytes or elements at the top level: what a walk over it costs.
  size_t size() const;
  // How deep values are nested in this one.
  int depth() const;

 private:
  struct UndefinedValue {
    std::shared_ptr<const std::string> why;
  };
  using StringPtr = std::shared_ptr<const std::string>;
  using ListPtr = std::shared_ptr<const ListData>;
  using DictPtr = std::shared_ptr<const Dict>;
  using LoopPtr = std::shared_ptr<const LoopState>;
  using CallablePtr = std::shared_ptr<const Callable>;
  using Data = std::variant<UndefinedValue, std::monostate, bool, int64_t,
                            double, StringPtr, ListPtr, DictPtr, Namespace*,
                            LoopPtr, CallablePtr>;

  explicit Value(Data data) : data_(std::move(data)) {}

  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(data_);
  }

  Data data_;
};

struct ListData {
  std::vector<Value> items;
  bool is_tuple;
  int depth;
};

// Strings to values, in the order in which the keys came.
class Dict {
 public:
  // Replaces the value of a key that is there.
  void Set(std::string key, Value value);
  // nullptr: no such key.
  const Value* Find(absl::string_view key) const;

  const std::vector<std::pair<std::string, Value>>& entries() const {
    return entries_;
  }
  int depth() const { return depth_; }

 private:
  std::vector<std::pair<std::string, Value>> entries_;
  absl::flat_hash_map<std::string, size_t> index_;
  int depth_ = 1;
};

// Something that can be called: a macro, a function, a method of a value.
struct Callable {
  std::function<absl::StatusOr<Value>(const Arguments&, Budget&)> call;
  int depth = 1;  // One more than that of the value it is a method of.
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_VALUE_H_
