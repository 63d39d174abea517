// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_EVALUATOR_H_
#define LORA_SERVER_TOKENIZER_JINJA_EVALUATOR_H_

#include "absl/status/statusor.h"
#include "server/tokenizer/jinja_ast.h"
#include "server/tokenizer/jinja_scope.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// Evaluates expressions. Not thread-safe; the budget must outlive it.
class Evaluator {
 public:
  explicit Evaluator(Budget& budget) : budget_(budget) {}

  // The value of `expression` with the variables of `scope`. Errors as
  // Template::Render, without the line.
  absl::StatusOr<Value> Evaluate(const Expression& expression,
                                 const Scope& scope);

  // `input` passed through a filter of a block, whose own input is null.
  absl::StatusOr<Value> Filter(const Expression& filter, const Value& input,
                               const Scope& scope);

  // The line of what was evaluated last; statements set it too.
  int line() const { return line_; }
  void set_line(int line) { line_ = line; }

 private:
  using Result = absl::StatusOr<Value>;

  Result EvaluateNode(const LiteralNode& node, const Scope& scope);
  Result EvaluateNode(const NameNode& node, const Scope& scope);
  Result EvaluateNode(const SequenceNode& node, const Scope& scope);
  Result EvaluateNode(const DictNode& node, const Scope& scope);
  Result EvaluateNode(const AttributeNode& node, const Scope& scope);
  Result EvaluateNode(const ItemNode& node, const Scope& scope);
  Result EvaluateNode(const SliceNode& node, const Scope& scope);
  Result EvaluateNode(const CallNode& node, const Scope& scope);
  Result EvaluateNode(const FilterNode& node, const Scope& scope);
  Result EvaluateNode(const TestNode& node, const Scope& scope);
  Result EvaluateNode(const UnaryNode& node, const Scope& scope);
  Result EvaluateNode(const BinaryNode& node, const Scope& scope);
  Result EvaluateNode(const ComparisonNode& node, const Scope& scope);
  Result EvaluateNode(const ConditionalNode& node, const Scope& scope);

  // None for a null expression.
  Result EvaluateOptional(const ExpressionPtr& expression, const Scope& scope);
  absl::StatusOr<Arguments> EvaluateArguments(const CallArguments& arguments,
                                              const Scope& scope);

  Budget& budget_;
  int line_ = 1;
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_EVALUATOR_H_
