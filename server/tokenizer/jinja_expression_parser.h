// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_EXPRESSION_PARSER_H_
#define LORA_SERVER_TOKENIZER_JINJA_EXPRESSION_PARSER_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/tokenizer/jinja_ast.h"
#include "server/tokenizer/jinja_token_stream.h"

namespace lora::jinja {

// A word or sign between two operands.
struct BinaryName {
  absl::string_view text;
  BinaryOperator op;
};

// Parses expressions by recursive descent, with Jinja2's precedences:
// if-else, or, and, not, comparisons, + -, ~, * / // %, **, unary, postfix.
//
// Every method reads what it is named after from the stream. All fail with
// INVALID_ARGUMENT (CHAT_TEMPLATE) on bad syntax or nesting deeper than
// kMaxNesting, and with UNIMPLEMENTED (CHAT_TEMPLATE) on a filter or test that
// does not exist here. Not thread-safe; the stream must outlive it.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  // `a` or, with a comma, the tuple `a, b`.
  absl::StatusOr<ExpressionPtr> ParseTuple();
  // As ParseTuple, but an `if` ends it: `for x in a if b`.
  absl::StatusOr<ExpressionPtr> ParseTupleWithoutIf();
  absl::StatusOr<ExpressionPtr> Parse();
  // The filters of a block: `name(...)|name`.
  absl::StatusOr<std::vector<ExpressionPtr>> ParseFilterNames();

 private:
  using Result = absl::StatusOr<ExpressionPtr>;
  enum class Conditionals { kAllowed, kNotAllowed };
  using Operand = Result (ExpressionParser::*)();

  Result ParseTupleOf(Conditionals conditionals);
  Result ParseConditional();
  // Operands with one of `names` between them, the first two together first.
  Result ParseChain(Operand operand, absl::Span<const BinaryName> names);
  Result ParseOr();
  Result ParseAnd();
  Result ParseNot();
  Result ParseComparison();
  Result ParseSum();
  Result ParseConcatenation();
  Result ParseProduct();
  Result ParsePower();
  Result ParseFiltered();
  Result ParseUnary();
  Result ParsePrimary();
  Result ParseName();
  Result ParseNumber();
  Result ParseParentheses();
  Result ParseList();
  Result ParseDict();
  Result ParsePostfix(ExpressionPtr operand);
  Result ParseFiltersAndTests(ExpressionPtr operand);
  Result ParseAttribute(ExpressionPtr object);
  Result ParseSubscript(ExpressionPtr object);
  Result ParseCall(ExpressionPtr function);
  Result ParseFilter(ExpressionPtr input);
  Result ParseTest(ExpressionPtr input);
  absl::StatusOr<CallArguments> ParseArguments();
  bool AtTupleEnd() const;
  absl::Status TooComplex() const;

  ExpressionPtr Make(int line, decltype(Expression::node) node) const;

  TokenStream& stream_;
  int nesting_ = 0;
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_EXPRESSION_PARSER_H_
