// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_SCOPE_H_
#define LORA_SERVER_TOKENIZER_JINJA_SCOPE_H_

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// The variables of a block, with those of the blocks around it behind them.
// Not thread-safe; the parent must outlive it.
class Scope {
 public:
  // `parent` may be null.
  explicit Scope(const Scope* parent) : parent_(parent) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Sets a variable of this block; one of the same name further out is hidden.
  void Set(absl::string_view name, Value value) {
    variables_.insert_or_assign(std::string(name), std::move(value));
  }

  // nullptr: no block has it.
  const Value* Find(absl::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent_) {
      const auto it = scope->variables_.find(name);
      if (it != scope->variables_.end()) return &it->second;
    }
    return nullptr;
  }

 private:
  const Scope* const parent_;
  absl::flat_hash_map<std::string, Value> variables_;
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_SCOPE_H_
