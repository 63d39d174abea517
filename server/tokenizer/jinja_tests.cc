// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_tests.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_operators.h"
#include "server/tokenizer/jinja_print.h"
#include "server/tokenizer/jinja_text.h"
#include "server/tokenizer/unicode.h"

namespace lora::jinja {
namespace {

// Whether `value % divisor == remainder`.
absl::StatusOr<bool> HasRemainder(const Value& value, const Value& divisor,
                                  int64_t remainder, Budget& budget) {
  LORA_ASSIGN_OR_RETURN(
      const Value actual,
      ApplyBinary(BinaryOperator::kModulo, value, divisor, budget));
  return Equals(actual, Value::Int(remainder), budget);
}

absl::StatusOr<bool> IsOdd(const Value& value, Budget& budget) {
  return HasRemainder(value, Value::Int(2), 1, budget);
}
absl::StatusOr<bool> IsEven(const Value& value, Budget& budget) {
  return HasRemainder(value, Value::Int(2), 0, budget);
}
absl::StatusOr<bool> IsLower(const Value& value, Budget& budget) {
  LORA_ASSIGN_OR_RETURN(const std::string text, ToText(value, budget));
  return ToLowerCase(text) == text && UpperCase(text) != text;
}
absl::StatusOr<bool> IsUpper(const Value& value, Budget& budget) {
  LORA_ASSIGN_OR_RETURN(const std::string text, ToText(value, budget));
  return UpperCase(text) == text && ToLowerCase(text) != text;
}

bool IsDefined(const Value& value) { return !value.is_undefined(); }
bool IsUndefined(const Value& value) { return value.is_undefined(); }
bool IsBoolean(const Value& value) { return value.is_bool(); }
bool IsFalse(const Value& value) { return value.is_bool() && !value.as_bool(); }
bool IsTrue(const Value& value) { return value.is_bool() && value.as_bool(); }
bool IsCallable(const Value& value) { return value.is_callable(); }
bool IsFloat(const Value& value) { return value.is_float(); }
bool IsInteger(const Value& value) { return value.is_int(); }
bool IsMapping(const Value& value) { return value.is_dict(); }
bool IsNone(const Value& value) { return value.is_none(); }
bool IsNumber(const Value& value) { return value.is_number(); }
bool IsString(const Value& value) { return value.is_string(); }
// Undefined is an empty sequence.
bool IsIterable(const Value& value) {
  return value.is_string() || value.is_sequence() || value.is_dict() ||
         value.is_undefined();
}

// A test of the kind of a value, which no value fails to have.
struct KindTest {
  absl::string_view name;
  bool (*test)(const Value& value);
};

constexpr KindTest kKindTests[] = {
    {"boolean", &IsBoolean},   {"callable", &IsCallable},
    {"defined", &IsDefined},   {"false", &IsFalse},
    {"float", &IsFloat},       {"integer", &IsInteger},
    {"iterable", &IsIterable}, {"mapping", &IsMapping},
    {"none", &IsNone},         {"number", &IsNumber},
    {"sequence", &IsIterable}, {"string", &IsString},
    {"true", &IsTrue},         {"undefined", &IsUndefined},
};

// A test without arguments that does not apply to all kinds.
struct PlainTest {
  absl::string_view name;
  absl::StatusOr<bool> (*test)(const Value& value, Budget& budget);
};

constexpr PlainTest kPlainTests[] = {
    {"even", &IsEven},
    {"lower", &IsLower},
    {"odd", &IsOdd},
    {"upper", &IsUpper},
};

struct NamedComparison {
  absl::string_view name;
  ComparisonOperator op;
};

constexpr NamedComparison kComparisons[] = {
    {"eq", ComparisonOperator::kEqual},
    {"equalto", ComparisonOperator::kEqual},
    {"==", ComparisonOperator::kEqual},
    {"ne", ComparisonOperator::kNotEqual},
    {"!=", ComparisonOperator::kNotEqual},
    {"lt", ComparisonOperator::kLess},
    {"lessthan", ComparisonOperator::kLess},
    {"<", ComparisonOperator::kLess},
    {"le", ComparisonOperator::kLessEqual},
    {"<=", ComparisonOperator::kLessEqual},
    {"gt", ComparisonOperator::kGreater},
    {"greaterthan", ComparisonOperator::kGreater},
    {">", ComparisonOperator::kGreater},
    {"ge", ComparisonOperator::kGreaterEqual},
    {">=", ComparisonOperator::kGreaterEqual},
    {"in", ComparisonOperator::kIn},
};

// The entry of a table with this name; nullptr: there is none.
template <typename Entry, size_t N>
const Entry* FindEntry(const Entry (&table)[N], absl::string_view name) {
  for (const Entry& entry : table) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

// `is`: the same singleton; other values have no identity here.
absl::StatusOr<bool> IsSame(const Value& left, const Value& right,
                            Budget& budget) {
  const bool have_identity = (left.is_bool() && right.is_bool()) ||
                             (left.is_none() && right.is_none()) ||
                             (left.is_namespace() && right.is_namespace());
  if (have_identity) return Equals(left, right, budget);
  if (left.is_bool() || right.is_bool() || left.is_none() || right.is_none()) {
    return false;
  }
  return Unsupported("\"sameas\" for other values than true, false and none");
}

absl::StatusOr<bool> Apply(absl::string_view name, const Value& input,
                           const Arguments& arguments, Budget& budget) {
  if (!arguments.named.empty()) return Fail("takes no named arguments");
  const KindTest* kind_test = FindEntry(kKindTests, name);
  const PlainTest* plain_test = FindEntry(kPlainTests, name);
  if (kind_test != nullptr || plain_test != nullptr) {
    if (!arguments.positional.empty()) return Fail("takes no argument");
    return kind_test != nullptr ? kind_test->test(input)
                                : plain_test->test(input, budget);
  }
  if (arguments.positional.size() != 1) return Fail("takes one argument");
  const Value& other = arguments.positional[0];
  if (name == "sameas") return IsSame(input, other, budget);
  if (name == "divisibleby") return HasRemainder(input, other, 0, budget);
  return Compare(FindEntry(kComparisons, name)->op, input, other, budget);
}

}  // namespace

bool IsTest(absl::string_view name) {
  return name == "sameas" || name == "divisibleby" ||
         FindEntry(kKindTests, name) != nullptr ||
         FindEntry(kPlainTests, name) != nullptr ||
         FindEntry(kComparisons, name) != nullptr;
}

absl::StatusOr<bool> ApplyTest(absl::string_view name, const Value& input,
                               const Arguments& arguments, Budget& budget) {
  LORA_RETURN_IF_ERROR(budget.Step());
  absl::StatusOr<bool> result = Apply(name, input, arguments, budget);
  if (result.ok()) return result;
  return Annotate(result.status(), absl::StrCat("the test \"", name, "\""));
}

}  // namespace lora::jinja
