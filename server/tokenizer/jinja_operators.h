// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_OPERATORS_H_
#define LORA_SERVER_TOKENIZER_JINJA_OPERATORS_H_

#include "absl/status/statusor.h"
#include "server/tokenizer/jinja_ast.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// Python's operators on values. All fail with INVALID_ARGUMENT
// (CHAT_TEMPLATE) on kinds that Python refuses, on undefined values and on
// whole numbers beyond 64 bits.

// Any operator but `and` and `or`, which do not evaluate both operands.
absl::StatusOr<Value> ApplyBinary(BinaryOperator op, const Value& left,
                                  const Value& right, Budget& budget);
absl::StatusOr<Value> ApplyUnary(UnaryOperator op, const Value& operand);
absl::StatusOr<bool> Compare(ComparisonOperator op, const Value& left,
                             const Value& right, Budget& budget);

// left == right, which is defined for all kinds.
absl::StatusOr<bool> Equals(const Value& left, const Value& right,
                            Budget& budget);
// left < right
absl::StatusOr<bool> IsLess(const Value& left, const Value& right,
                            Budget& budget);
// item in container
absl::StatusOr<bool> Contains(const Value& container, const Value& item,
                              Budget& budget);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_OPERATORS_H_
