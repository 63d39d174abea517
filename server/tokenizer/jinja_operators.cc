// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_operators.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_print.h"

namespace lora::jinja {
namespace {

absl::string_view SymbolOf(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::kAdd:
      return "+";
    case BinaryOperator::kSubtract:
      return "-";
    case BinaryOperator::kMultiply:
      return "*";
    case BinaryOperator::kDivide:
      return "/";
    case BinaryOperator::kFloorDivide:
      return "//";
    case BinaryOperator::kModulo:
      return "%";
    case BinaryOperator::kPower:
      return "**";
    case BinaryOperator::kConcatenate:
      return "~";
    case BinaryOperator::kAnd:
      return "and";
    case BinaryOperator::kOr:
      return "or";
  }
  return "";
}

absl::Status WrongKinds(absl::string_view symbol, const Value& left,
                        const Value& right) {
  if (left.is_undefined()) return left.UndefinedError();
  if (right.is_undefined()) return right.UndefinedError();
  return Fail(absl::StrCat("\"", symbol, "\" is not defined between a ",
                           left.KindName(), " and a ", right.KindName()));
}

absl::Status Overflow() { return Fail("a whole number is beyond 64 bits"); }

absl::StatusOr<Value> PowerOfInts(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return Fail("division by zero");
    return Value::Float(std::pow(base, exponent));
  }
  if (base == 0 || base == 1) return Value::Int(exponent == 0 ? 1 : base);
  if (base == -1) return Value::Int(exponent % 2 == 0 ? 1 : -1);
  int64_t result = 1;
  for (int64_t i = 0; i < exponent; ++i) {
    // At most 63 rounds: every base that is left doubles the result.
    if (__builtin_mul_overflow(result, base, &result)) return Overflow();
  }
  return Value::Int(result);
}

// Both round towards minus infinity, as Python does.
absl::StatusOr<Value> DivideInts(BinaryOperator op, int64_t left,
                                 int64_t right) {
  if (right == 0) return Fail("division by zero");
  if (right == -1) {
    if (op == BinaryOperator::kModulo) return Value::Int(0);
    int64_t negated = 0;
    if (__builtin_sub_overflow(int64_t{0}, left, &negated)) return Overflow();
    return Value::Int(negated);
  }
  int64_t quotient = left / right;
  int64_t remainder = left % right;
  if (remainder != 0 && (remainder < 0) != (right < 0)) {
    remainder += right;
    --quotient;
  }
  return Value::Int(op == BinaryOperator::kModulo ? remainder : quotient);
}

absl::StatusOr<Value> ApplyToInts(BinaryOperator op, int64_t left,
                                  int64_t right) {
  int64_t result = 0;
  bool overflows = false;
  switch (op) {
    case BinaryOperator::kAdd:
      overflows = __builtin_add_overflow(left, right, &result);
      break;
    case BinaryOperator::kSubtract:
      overflows = __builtin_sub_overflow(left, right, &result);
      break;
    case BinaryOperator::kMultiply:
      overflows = __builtin_mul_overflow(left, right, &result);
      break;
    case BinaryOperator::kDivide:
      if (right == 0) return Fail("division by zero");
      return Value::Float(static_cast<double>(left) /
                          static_cast<double>(right));
    case BinaryOperator::kPower:
      return PowerOfInts(left, right);
    default:
      return DivideInts(op, left, right);
  }
  if (overflows) return Overflow();
  return Value::Int(result);
}

absl::StatusOr<Value> ApplyToFloats(BinaryOperator op, double left,
                                    double right) {
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::Float(left + right);
    case BinaryOperator::kSubtract:
      return Value::Float(left - right);
    case BinaryOperator::kMultiply:
      return Value::Float(left * right);
    case BinaryOperator::kPower:
      return Value::Float(std::pow(left, right));
    default:
      break;
  }
  if (right == 0) return Fail("division by zero");
  if (op == BinaryOperator::kDivide) return Value::Float(left / right);
  double remainder = std::fmod(left, right);
  if (remainder != 0 && (remainder < 0) != (right < 0)) remainder += right;
  if (op == BinaryOperator::kModulo) return Value::Float(remainder);
  return Value::Float(std::round((left - remainder) / right));
}

// "ab" * 2, [a, b] * 2
absl::StatusOr<Value> Repeat(const Value& value, int64_t count,
                             Budget& budget) {
  // Nothing, however often, is nothing: no loop that the budget does not see.
  const auto times = static_cast<size_t>(
      std::clamp<int64_t>(count, 0, value.size() == 0 ? 0 : int64_t{1} << 30));
  LORA_RETURN_IF_ERROR(budget.Make(value.size() * times));
  if (value.is_string()) {
    std::string text;
    for (size_t i = 0; i < times; ++i) text += value.as_string();
    return Value::String(std::move(text));
  }
  LORA_RETURN_IF_ERROR(budget.Step(value.size() * times * 64));
  std::vector<Value> items;
  for (size_t i = 0; i < times; ++i) {
    items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return value.is_tuple() ? Value::Tuple(std::move(items))
                          : Value::List(std::move(items));
}

absl::StatusOr<Value> Join(const Value& left, const Value& right,
                           Budget& budget) {
  if (left.is_string()) {
    LORA_RETURN_IF_ERROR(
        budget.Make(left.as_string().size() + right.as_string().size()));
    return Value::String(absl::StrCat(left.as_string(), right.as_string()));
  }
  LORA_RETURN_IF_ERROR(budget.Step((left.size() + right.size()) * 64));
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  return left.is_tuple() ? Value::Tuple(std::move(items))
                         : Value::List(std::move(items));
}

absl::StatusOr<bool> EqualDicts(const Dict& left, const Dict& right,
                                Budget& budget) {
  if (left.entries().size() != right.entries().size()) return false;
  for (const auto& [key, value] : left.entries()) {
    const Value* other = right.Find(key);
    if (other == nullptr) return false;
    LORA_ASSIGN_OR_RETURN(const bool equal, Equals(value, *other, budget));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> IsLessOrEqual(const Value& left, const Value& right,
                                   Budget& budget) {
  LORA_ASSIGN_OR_RETURN(const bool less, IsLess(left, right, budget));
  if (less) return true;
  return Equals(left, right, budget);
}

}  // namespace

absl::StatusOr<Value> ApplyBinary(BinaryOperator op, const Value& left,
                                  const Value& right, Budget& budget) {
  if (op == BinaryOperator::kConcatenate) {
    LORA_ASSIGN_OR_RETURN(std::string text, ToText(left, budget));
    LORA_ASSIGN_OR_RETURN(const std::string end, ToText(right, budget));
    LORA_RETURN_IF_ERROR(budget.Make(text.size() + end.size()));
    return Value::String(absl::StrCat(text, end));
  }
  if (left.is_integral() && right.is_integral()) {
    return ApplyToInts(op, left.as_int(), right.as_int());
  }
  if (left.is_number() && right.is_number()) {
    return ApplyToFloats(op, left.as_float(), right.as_float());
  }
  const auto repeats = [](const Value& value) {
    return value.is_string() || value.is_sequence();
  };
  if (op == BinaryOperator::kAdd &&
      ((left.is_string() && right.is_string()) ||
       (left.is_sequence() && right.is_sequence() &&
        left.is_tuple() == right.is_tuple()))) {
    return Join(left, right, budget);
  }
  if (op == BinaryOperator::kMultiply && repeats(left) && right.is_integral()) {
    return Repeat(left, right.as_int(), budget);
  }
  if (op == BinaryOperator::kMultiply && left.is_integral() && repeats(right)) {
    return Repeat(right, left.as_int(), budget);
  }
  if (op == BinaryOperator::kModulo && left.is_string()) {
    return Unsupported("formatting a string with %");
  }
  return WrongKinds(SymbolOf(op), left, right);
}

absl::StatusOr<Value> ApplyUnary(UnaryOperator op, const Value& operand) {
  if (op == UnaryOperator::kNot) return Value::Bool(!operand.IsTrue());
  if (operand.is_undefined()) return operand.UndefinedError();
  if (!operand.is_number()) {
    return Fail(absl::StrCat("a ", operand.KindName(), " has no sign"));
  }
  if (op == UnaryOperator::kPlus) {
    return operand.is_bool() ? Value::Int(operand.as_int()) : operand;
  }
  if (operand.is_float()) return Value::Float(-operand.as_float());
  return ApplyToInts(BinaryOperator::kSubtract, 0, operand.as_int());
}

absl::StatusOr<bool> Compare(ComparisonOperator op, const Value& left,
                             const Value& right, Budget& budget) {
  const auto negate = [](absl::StatusOr<bool> result) {
    return result.ok() ? absl::StatusOr<bool>(!*result) : result;
  };
  switch (op) {
    case ComparisonOperator::kEqual:
      return Equals(left, right, budget);
    case ComparisonOperator::kNotEqual:
      return negate(Equals(left, right, budget));
    case ComparisonOperator::kLess:
      return IsLess(left, right, budget);
    case ComparisonOperator::kGreater:
      return IsLess(right, left, budget);
    case ComparisonOperator::kLessEqual:
      return IsLessOrEqual(left, right, budget);
    case ComparisonOperator::kGreaterEqual:
      return IsLessOrEqual(right, left, budget);
    case ComparisonOperator::kIn:
      return Contains(right, left, budget);
    case ComparisonOperator::kNotIn:
      return negate(Contains(right, left, budget));
  }
  return Fail("unknown comparison");
}

absl::StatusOr<bool> Equals(const Value& left, const Value& right,
                            Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Step(std::min(left.size(), right.size())));
  if (left.is_integral() && right.is_integral()) {
    return left.as_int() == right.as_int();
  }
  if (left.is_number() && right.is_number()) {
    return left.as_float() == right.as_float();
  }
  if (left.is_string() && right.is_string()) {
    return left.as_string() == right.as_string();
  }
  if (left.is_dict() && right.is_dict()) {
    return EqualDicts(left.as_dict(), right.as_dict(), budget);
  }
  if (left.is_namespace() && right.is_namespace()) {
    return &left.as_namespace() == &right.as_namespace();
  }
  if (left.is_sequence() && right.is_sequence() &&
      left.is_tuple() == right.is_tuple()) {
    if (left.size() != right.size()) return false;
    for (size_t i = 0; i < left.size(); ++i) {
      LORA_ASSIGN_OR_RETURN(const bool equal,
                            Equals(left.items()[i], right.items()[i], budget));
      if (!equal) return false;
    }
    return true;
  }
  return (left.is_none() && right.is_none()) ||
         (left.is_undefined() && right.is_undefined());
}

absl::StatusOr<bool> IsLess(const Value& left, const Value& right,
                            Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Step(std::min(left.size(), right.size())));
  if (left.is_integral() && right.is_integral()) {
    return left.as_int() < right.as_int();
  }
  if (left.is_number() && right.is_number()) {
    return left.as_float() < right.as_float();
  }
  if (left.is_string() && right.is_string()) {
    return left.as_string() < right.as_string();
  }
  if (!left.is_sequence() || !right.is_sequence() ||
      left.is_tuple() != right.is_tuple()) {
    return WrongKinds("<", left, right);
  }
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    LORA_ASSIGN_OR_RETURN(const bool equal,
                          Equals(left.items()[i], right.items()[i], budget));
    if (!equal) return IsLess(left.items()[i], right.items()[i], budget);
  }
  return left.size() < right.size();
}

absl::StatusOr<bool> Contains(const Value& container, const Value& item,
                              Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Step(container.size()));
  if (container.is_undefined()) return false;
  if (container.is_string()) {
    if (!item.is_string()) return WrongKinds("in", item, container);
    return absl::StrContains(container.as_string(), item.as_string());
  }
  if (container.is_dict()) {
    return item.is_string() &&
           container.as_dict().Find(item.as_string()) != nullptr;
  }
  if (!container.is_sequence()) return WrongKinds("in", item, container);
  for (const Value& candidate : container.items()) {
    LORA_ASSIGN_OR_RETURN(const bool equal, Equals(candidate, item, budget));
    if (equal) return true;
  }
  return false;
}

}  // namespace lora::jinja
