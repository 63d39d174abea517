// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_evaluator.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_access.h"
#include "server/tokenizer/jinja_filters.h"
#include "server/tokenizer/jinja_operators.h"
#include "server/tokenizer/jinja_tests.h"

namespace lora::jinja {

absl::StatusOr<Value> Evaluator::Evaluate(const Expression& expression,
                                          const Scope& scope) {
  const absl::Cleanup leave = [this] { budget_.Leave(); };
  LORA_RETURN_IF_ERROR(budget_.Enter());
  LORA_RETURN_IF_ERROR(budget_.Step());
  line_ = expression.line;
  LORA_ASSIGN_OR_RETURN(
      Value value,
      std::visit([&](const auto& node) { return EvaluateNode(node, scope); },
                 expression.node));
  if (value.depth() > kMaxNesting) return Fail("a value is nested too deeply");
  return value;
}

absl::StatusOr<Value> Evaluator::Filter(const Expression& filter,
                                        const Value& input,
                                        const Scope& scope) {
  line_ = filter.line;
  const auto& node = std::get<FilterNode>(filter.node);
  LORA_ASSIGN_OR_RETURN(const Arguments arguments,
                        EvaluateArguments(node.arguments, scope));
  return ApplyFilter(node.name, input, arguments, budget_);
}

absl::StatusOr<Value> Evaluator::EvaluateOptional(
    const ExpressionPtr& expression, const Scope& scope) {
  if (expression == nullptr) return Value::None();
  return Evaluate(*expression, scope);
}

absl::StatusOr<Arguments> Evaluator::EvaluateArguments(
    const CallArguments& arguments, const Scope& scope) {
  Arguments values;
  for (const ExpressionPtr& argument : arguments.positional) {
    LORA_ASSIGN_OR_RETURN(Value value, Evaluate(*argument, scope));
    values.positional.push_back(std::move(value));
  }
  for (const auto& [name, argument] : arguments.named) {
    LORA_ASSIGN_OR_RETURN(Value value, Evaluate(*argument, scope));
    values.named.emplace_back(name, std::move(value));
  }
  return values;
}

Evaluator::Result Evaluator::EvaluateNode(const LiteralNode& node,
                                          const Scope&) {
  return node.value;
}

Evaluator::Result Evaluator::EvaluateNode(const NameNode& node,
                                          const Scope& scope) {
  if (const Value* value = scope.Find(node.name)) return *value;
  return Value::Undefined(absl::StrCat("\"", node.name, "\" is undefined"));
}

Evaluator::Result Evaluator::EvaluateNode(const SequenceNode& node,
                                          const Scope& scope) {
  std::vector<Value> items;
  for (const ExpressionPtr& item : node.items) {
    LORA_ASSIGN_OR_RETURN(Value value, Evaluate(*item, scope));
    items.push_back(std::move(value));
  }
  return node.is_tuple ? Value::Tuple(std::move(items))
                       : Value::List(std::move(items));
}

Evaluator::Result Evaluator::EvaluateNode(const DictNode& node,
                                          const Scope& scope) {
  Dict dict;
  for (const auto& [key_expression, value_expression] : node.entries) {
    LORA_ASSIGN_OR_RETURN(const Value key, Evaluate(*key_expression, scope));
    LORA_ASSIGN_OR_RETURN(Value value, Evaluate(*value_expression, scope));
    if (!key.is_string()) {
      return Unsupported("a mapping with keys that are no strings");
    }
    dict.Set(key.as_string(), std::move(value));
  }
  return Value::Mapping(std::move(dict));
}

Evaluator::Result Evaluator::EvaluateNode(const AttributeNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value object, Evaluate(*node.object, scope));
  return GetAttribute(object, node.name);
}

Evaluator::Result Evaluator::EvaluateNode(const ItemNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value object, Evaluate(*node.object, scope));
  LORA_ASSIGN_OR_RETURN(const Value key, Evaluate(*node.key, scope));
  return GetItem(object, key, budget_);
}

Evaluator::Result Evaluator::EvaluateNode(const SliceNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value object, Evaluate(*node.object, scope));
  SliceBounds bounds;
  LORA_ASSIGN_OR_RETURN(bounds.begin, EvaluateOptional(node.begin, scope));
  LORA_ASSIGN_OR_RETURN(bounds.end, EvaluateOptional(node.end, scope));
  LORA_ASSIGN_OR_RETURN(bounds.step, EvaluateOptional(node.step, scope));
  return GetSlice(object, bounds, budget_);
}

Evaluator::Result Evaluator::EvaluateNode(const CallNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value function, Evaluate(*node.function, scope));
  LORA_ASSIGN_OR_RETURN(const Arguments arguments,
                        EvaluateArguments(node.arguments, scope));
  if (function.is_undefined()) return function.UndefinedError();
  if (!function.is_callable()) {
    return Fail(absl::StrCat("a ", function.KindName(), " cannot be called"));
  }
  LORA_RETURN_IF_ERROR(budget_.Step());
  return function.as_callable().call(arguments, budget_);
}

Evaluator::Result Evaluator::EvaluateNode(const FilterNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value input, Evaluate(*node.input, scope));
  LORA_ASSIGN_OR_RETURN(const Arguments arguments,
                        EvaluateArguments(node.arguments, scope));
  return ApplyFilter(node.name, input, arguments, budget_);
}

Evaluator::Result Evaluator::EvaluateNode(const TestNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value input, Evaluate(*node.input, scope));
  LORA_ASSIGN_OR_RETURN(const Arguments arguments,
                        EvaluateArguments(node.arguments, scope));
  LORA_ASSIGN_OR_RETURN(const bool passes,
                        ApplyTest(node.name, input, arguments, budget_));
  return Value::Bool(passes);
}

Evaluator::Result Evaluator::EvaluateNode(const UnaryNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value operand, Evaluate(*node.operand, scope));
  return ApplyUnary(node.op, operand);
}

Evaluator::Result Evaluator::EvaluateNode(const BinaryNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(Value left, Evaluate(*node.left, scope));
  if (node.op == BinaryOperator::kAnd && !left.IsTrue()) return left;
  if (node.op == BinaryOperator::kOr && left.IsTrue()) return left;
  LORA_ASSIGN_OR_RETURN(Value right, Evaluate(*node.right, scope));
  if (node.op == BinaryOperator::kAnd || node.op == BinaryOperator::kOr) {
    return right;
  }
  return ApplyBinary(node.op, left, right, budget_);
}

Evaluator::Result Evaluator::EvaluateNode(const ComparisonNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(Value left, Evaluate(*node.first, scope));
  for (const auto& [op, operand] : node.rest) {
    LORA_ASSIGN_OR_RETURN(Value right, Evaluate(*operand, scope));
    LORA_ASSIGN_OR_RETURN(const bool holds, Compare(op, left, right, budget_));
    if (!holds) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

Evaluator::Result Evaluator::EvaluateNode(const ConditionalNode& node,
                                          const Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value condition,
                        Evaluate(*node.condition, scope));
  if (condition.IsTrue()) return Evaluate(*node.then, scope);
  if (node.otherwise != nullptr) return Evaluate(*node.otherwise, scope);
  return Value::Undefined(
      "an inline if has no else and its condition is false");
}

}  // namespace lora::jinja
