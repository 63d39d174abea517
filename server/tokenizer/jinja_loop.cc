// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_loop.h"

#include <algorithm>
#include <utility>

namespace lora::jinja {
namespace {

int DepthOf(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return depth + 1;
}

}  // namespace

LoopState::LoopState(std::vector<Value> items)
    : items_(std::move(items)), depth_(DepthOf(items_)) {}

std::optional<Value> LoopState::Attribute(absl::string_view name) const {
  const auto size = static_cast<int64_t>(items_.size());
  const auto index = static_cast<int64_t>(index_);
  if (name == "index") return Value::Int(index + 1);
  if (name == "index0") return Value::Int(index);
  if (name == "revindex") return Value::Int(size - index);
  if (name == "revindex0") return Value::Int(size - index - 1);
  if (name == "first") return Value::Bool(index == 0);
  if (name == "last") return Value::Bool(index + 1 == size);
  if (name == "length") return Value::Int(size);
  // How often a recursive loop has called itself: there are none here.
  if (name == "depth") return Value::Int(1);
  if (name == "depth0") return Value::Int(0);
  if (name == "previtem") {
    if (index == 0) return Value::Undefined("there is no previous item");
    return items_[index_ - 1];
  }
  if (name == "nextitem") {
    if (index + 1 == size) return Value::Undefined("there is no next item");
    return items_[index_ + 1];
  }
  return std::nullopt;
}

}  // namespace lora::jinja
