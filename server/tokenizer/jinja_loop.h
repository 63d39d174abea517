// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_LOOP_H_
#define LORA_SERVER_TOKENIZER_JINJA_LOOP_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// The variable `loop` of a for statement. Not thread-safe: one render.
class LoopState {
 public:
  explicit LoopState(std::vector<Value> items);

  const std::vector<Value>& items() const { return items_; }
  void MoveTo(size_t index) { index_ = index; }

  // The attribute `name` of `loop`; nullopt: it has none.
  std::optional<Value> Attribute(absl::string_view name) const;

  size_t index() const { return index_; }
  int depth() const { return depth_; }

 private:
  const std::vector<Value> items_;
  const int depth_;  // As Value::depth.
  size_t index_ = 0;
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_LOOP_H_
