// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_expression_parser.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_filters.h"
#include "server/tokenizer/jinja_tests.h"

namespace lora::jinja {
namespace {

constexpr BinaryName kOr[] = {{"or", BinaryOperator::kOr}};
constexpr BinaryName kAnd[] = {{"and", BinaryOperator::kAnd}};
constexpr BinaryName kSums[] = {{"+", BinaryOperator::kAdd},
                                {"-", BinaryOperator::kSubtract}};
constexpr BinaryName kConcatenations[] = {{"~", BinaryOperator::kConcatenate}};
constexpr BinaryName kProducts[] = {{"*", BinaryOperator::kMultiply},
                                    {"/", BinaryOperator::kDivide},
                                    {"//", BinaryOperator::kFloorDivide},
                                    {"%", BinaryOperator::kModulo}};
constexpr BinaryName kPowers[] = {{"**", BinaryOperator::kPower}};

std::optional<BinaryOperator> TryBinary(TokenStream& stream,
                                        absl::Span<const BinaryName> names) {
  for (const BinaryName& name : names) {
    if (stream.TryOperator(name.text) || stream.TryName(name.text)) {
      return name.op;
    }
  }
  return std::nullopt;
}

std::optional<ComparisonOperator> TryComparison(TokenStream& stream) {
  if (stream.TryOperator("==")) return ComparisonOperator::kEqual;
  if (stream.TryOperator("!=")) return ComparisonOperator::kNotEqual;
  if (stream.TryOperator("<=")) return ComparisonOperator::kLessEqual;
  if (stream.TryOperator("<")) return ComparisonOperator::kLess;
  if (stream.TryOperator(">=")) return ComparisonOperator::kGreaterEqual;
  if (stream.TryOperator(">")) return ComparisonOperator::kGreater;
  if (stream.TryName("in")) return ComparisonOperator::kIn;
  if (stream.AtName("not") && stream.next().kind == TokenKind::kName &&
      stream.next().text == "in") {
    stream.Take();
    stream.Take();
    return ComparisonOperator::kNotIn;
  }
  return std::nullopt;
}

// Counts a level of nesting while it lives.
class Level {
 public:
  explicit Level(int& nesting) : nesting_(nesting) { ++nesting_; }
  ~Level() { --nesting_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  int& nesting_;
};

}  // namespace

ExpressionPtr ExpressionParser::Make(int line,
                                     decltype(Expression::node) node) const {
  return std::make_unique<const Expression>(
      Expression{.line = line, .node = std::move(node)});
}

absl::Status ExpressionParser::TooComplex() const {
  return stream_.SyntaxError("a simpler expression");
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTuple() {
  return ParseTupleOf(Conditionals::kAllowed);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTupleWithoutIf() {
  return ParseTupleOf(Conditionals::kNotAllowed);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::Parse() {
  return ParseConditional();
}

bool ExpressionParser::AtTupleEnd() const {
  return stream_.At(TokenKind::kPrintEnd) || stream_.At(TokenKind::kBlockEnd) ||
         stream_.AtOperator(")");
}

ExpressionParser::Result ExpressionParser::ParseTupleOf(
    Conditionals conditionals) {
  const int line = stream_.line();
  const auto parse_item = [&] {
    return conditionals == Conditionals::kAllowed ? ParseConditional()
                                                  : ParseOr();
  };
  LORA_ASSIGN_OR_RETURN(ExpressionPtr first, parse_item());
  if (!stream_.AtOperator(",")) return first;
  SequenceNode tuple{.is_tuple = true};
  tuple.items.push_back(std::move(first));
  while (stream_.TryOperator(",") && !AtTupleEnd()) {
    LORA_ASSIGN_OR_RETURN(ExpressionPtr item, parse_item());
    tuple.items.push_back(std::move(item));
  }
  return Make(line, std::move(tuple));
}

ExpressionParser::Result ExpressionParser::ParseConditional() {
  const Level level(nesting_);
  if (nesting_ > kMaxNesting) return TooComplex();
  const int line = stream_.line();
  LORA_ASSIGN_OR_RETURN(ExpressionPtr then, ParseOr());
  int length = 0;
  while (stream_.TryName("if")) {
    if (++length > kMaxNesting) return TooComplex();
    LORA_ASSIGN_OR_RETURN(ExpressionPtr condition, ParseOr());
    ExpressionPtr otherwise;
    if (stream_.TryName("else")) {
      LORA_ASSIGN_OR_RETURN(otherwise, ParseConditional());
    }
    then = Make(line, ConditionalNode{.condition = std::move(condition),
                                      .then = std::move(then),
                                      .otherwise = std::move(otherwise)});
  }
  return then;
}

ExpressionParser::Result ExpressionParser::ParseChain(
    Operand operand, absl::Span<const BinaryName> names) {
  const int line = stream_.line();
  LORA_ASSIGN_OR_RETURN(ExpressionPtr left, (this->*operand)());
  int length = 0;
  while (const std::optional<BinaryOperator> op = TryBinary(stream_, names)) {
    if (++length > kMaxNesting) return TooComplex();
    LORA_ASSIGN_OR_RETURN(ExpressionPtr right, (this->*operand)());
    left = Make(line, BinaryNode{.op = *op,
                                 .left = std::move(left),
                                 .right = std::move(right)});
  }
  return left;
}

ExpressionParser::Result ExpressionParser::ParseOr() {
  return ParseChain(&ExpressionParser::ParseAnd, kOr);
}

ExpressionParser::Result ExpressionParser::ParseAnd() {
  return ParseChain(&ExpressionParser::ParseNot, kAnd);
}

ExpressionParser::Result ExpressionParser::ParseNot() {
  const Level level(nesting_);
  if (nesting_ > kMaxNesting) return TooComplex();
  const int line = stream_.line();
  if (!stream_.TryName("not")) return ParseComparison();
  LORA_ASSIGN_OR_RETURN(ExpressionPtr operand, ParseNot());
  return Make(line, UnaryNode{.op = UnaryOperator::kNot,
                              .operand = std::move(operand)});
}

ExpressionParser::Result ExpressionParser::ParseComparison() {
  const int line = stream_.line();
  LORA_ASSIGN_OR_RETURN(ExpressionPtr first, ParseSum());
  ComparisonNode comparison;
  while (const std::optional<ComparisonOperator> op = TryComparison(stream_)) {
    LORA_ASSIGN_OR_RETURN(ExpressionPtr operand, ParseSum());
    comparison.rest.emplace_back(*op, std::move(operand));
  }
  if (comparison.rest.empty()) return first;
  comparison.first = std::move(first);
  return Make(line, std::move(comparison));
}

ExpressionParser::Result ExpressionParser::ParseSum() {
  return ParseChain(&ExpressionParser::ParseConcatenation, kSums);
}

ExpressionParser::Result ExpressionParser::ParseConcatenation() {
  return ParseChain(&ExpressionParser::ParseProduct, kConcatenations);
}

ExpressionParser::Result ExpressionParser::ParseProduct() {
  return ParseChain(&ExpressionParser::ParsePower, kProducts);
}

ExpressionParser::Result ExpressionParser::ParsePower() {
  return ParseChain(&ExpressionParser::ParseFiltered, kPowers);
}

ExpressionParser::Result ExpressionParser::ParseFiltered() {
  LORA_ASSIGN_OR_RETURN(ExpressionPtr operand, ParseUnary());
  return ParseFiltersAndTests(std::move(operand));
}

ExpressionParser::Result ExpressionParser::ParseUnary() {
  const Level level(nesting_);
  if (nesting_ > kMaxNesting) return TooComplex();
  const int line = stream_.line();
  ExpressionPtr operand;
  if (stream_.AtOperator("-") || stream_.AtOperator("+")) {
    const UnaryOperator op = stream_.Take().text == "-" ? UnaryOperator::kMinus
                                                        : UnaryOperator::kPlus;
    LORA_ASSIGN_OR_RETURN(ExpressionPtr inner, ParseUnary());
    operand = Make(line, UnaryNode{.op = op, .operand = std::move(inner)});
  } else {
    LORA_ASSIGN_OR_RETURN(operand, ParsePrimary());
  }
  return ParsePostfix(std::move(operand));
}

ExpressionParser::Result ExpressionParser::ParsePrimary() {
  const int line = stream_.line();
  switch (stream_.current().kind) {
    case TokenKind::kName:
      return ParseName();
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return ParseNumber();
    case TokenKind::kString: {
      std::string text;
      while (stream_.At(TokenKind::kString)) text += stream_.Take().text;
      return Make(line, LiteralNode{Value::String(std::move(text))});
    }
    default:
      break;
  }
  if (stream_.TryOperator("(")) return ParseParentheses();
  if (stream_.TryOperator("[")) return ParseList();
  if (stream_.TryOperator("{")) return ParseDict();
  return stream_.SyntaxError("an expression");
}

ExpressionParser::Result ExpressionParser::ParseName() {
  const int line = stream_.line();
  std::string name = stream_.Take().text;
  if (name == "true" || name == "True") {
    return Make(line, LiteralNode{Value::Bool(true)});
  }
  if (name == "false" || name == "False") {
    return Make(line, LiteralNode{Value::Bool(false)});
  }
  if (name == "none" || name == "None") {
    return Make(line, LiteralNode{Value::None()});
  }
  return Make(line, NameNode{std::move(name)});
}

ExpressionParser::Result ExpressionParser::ParseNumber() {
  const int line = stream_.line();
  const Token token = stream_.Take();
  if (token.kind == TokenKind::kInteger) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(token.text, &value)) {
      return stream_.UnsupportedHere("a whole number beyond 64 bits");
    }
    return Make(line, LiteralNode{Value::Int(value)});
  }
  double value = 0;
  if (!absl::SimpleAtod(token.text, &value)) {
    return stream_.SyntaxError("a number");
  }
  return Make(line, LiteralNode{Value::Float(value)});
}

ExpressionParser::Result ExpressionParser::ParseParentheses() {
  const int line = stream_.line();
  if (stream_.TryOperator(")")) return Make(line, SequenceNode{{}, true});
  LORA_ASSIGN_OR_RETURN(ExpressionPtr inner, ParseTuple());
  LORA_RETURN_IF_ERROR(stream_.ExpectOperator(")"));
  return inner;
}

ExpressionParser::Result ExpressionParser::ParseList() {
  const int line = stream_.line();
  SequenceNode list{.is_tuple = false};
  while (!stream_.TryOperator("]")) {
    if (!list.items.empty()) LORA_RETURN_IF_ERROR(stream_.ExpectOperator(","));
    if (stream_.TryOperator("]")) break;
    LORA_ASSIGN_OR_RETURN(ExpressionPtr item, Parse());
    list.items.push_back(std::move(item));
  }
  return Make(line, std::move(list));
}

ExpressionParser::Result ExpressionParser::ParseDict() {
  const int line = stream_.line();
  DictNode dict;
  while (!stream_.TryOperator("}")) {
    if (!dict.entries.empty()) {
      LORA_RETURN_IF_ERROR(stream_.ExpectOperator(","));
    }
    if (stream_.TryOperator("}")) break;
    LORA_ASSIGN_OR_RETURN(ExpressionPtr key, Parse());
    LORA_RETURN_IF_ERROR(stream_.ExpectOperator(":"));
    LORA_ASSIGN_OR_RETURN(ExpressionPtr value, Parse());
    dict.entries.emplace_back(std::move(key), std::move(value));
  }
  return Make(line, std::move(dict));
}

ExpressionParser::Result ExpressionParser::ParsePostfix(ExpressionPtr operand) {
  for (int length = 0; length <= kMaxNesting; ++length) {
    if (stream_.TryOperator(".")) {
      LORA_ASSIGN_OR_RETURN(operand, ParseAttribute(std::move(operand)));
    } else if (stream_.TryOperator("[")) {
      LORA_ASSIGN_OR_RETURN(operand, ParseSubscript(std::move(operand)));
    } else if (stream_.AtOperator("(")) {
      LORA_ASSIGN_OR_RETURN(operand, ParseCall(std::move(operand)));
    } else {
      return operand;
    }
  }
  return TooComplex();
}

ExpressionParser::Result ExpressionParser::ParseFiltersAndTests(
    ExpressionPtr operand) {
  for (int length = 0; length <= kMaxNesting; ++length) {
    if (stream_.TryOperator("|")) {
      LORA_ASSIGN_OR_RETURN(operand, ParseFilter(std::move(operand)));
    } else if (stream_.TryName("is")) {
      LORA_ASSIGN_OR_RETURN(operand, ParseTest(std::move(operand)));
    } else if (stream_.AtOperator("(")) {
      LORA_ASSIGN_OR_RETURN(operand, ParseCall(std::move(operand)));
    } else {
      return operand;
    }
  }
  return TooComplex();
}

ExpressionParser::Result ExpressionParser::ParseAttribute(
    ExpressionPtr object) {
  const int line = stream_.line();
  if (stream_.At(TokenKind::kInteger)) {
    LORA_ASSIGN_OR_RETURN(ExpressionPtr key, ParseNumber());
    return Make(line, ItemNode{std::move(object), std::move(key)});
  }
  LORA_ASSIGN_OR_RETURN(std::string name, stream_.ExpectAnyName());
  return Make(line, AttributeNode{std::move(object), std::move(name)});
}

ExpressionParser::Result ExpressionParser::ParseSubscript(
    ExpressionPtr object) {
  const int line = stream_.line();
  ExpressionPtr begin;
  if (!stream_.AtOperator(":")) {
    LORA_ASSIGN_OR_RETURN(begin, Parse());
    if (stream_.TryOperator("]")) {
      return Make(line, ItemNode{std::move(object), std::move(begin)});
    }
    if (stream_.AtOperator(",")) {
      return stream_.UnsupportedHere("a subscript with a comma");
    }
  }
  LORA_RETURN_IF_ERROR(stream_.ExpectOperator(":"));
  SliceNode slice{.object = std::move(object), .begin = std::move(begin)};
  if (!stream_.AtOperator("]") && !stream_.AtOperator(":")) {
    LORA_ASSIGN_OR_RETURN(slice.end, Parse());
  }
  if (stream_.TryOperator(":") && !stream_.AtOperator("]")) {
    LORA_ASSIGN_OR_RETURN(slice.step, Parse());
  }
  LORA_RETURN_IF_ERROR(stream_.ExpectOperator("]"));
  return Make(line, std::move(slice));
}

ExpressionParser::Result ExpressionParser::ParseCall(ExpressionPtr function) {
  const int line = stream_.line();
  LORA_ASSIGN_OR_RETURN(CallArguments arguments, ParseArguments());
  return Make(line, CallNode{std::move(function), std::move(arguments)});
}

absl::StatusOr<CallArguments> ExpressionParser::ParseArguments() {
  LORA_RETURN_IF_ERROR(stream_.ExpectOperator("("));
  CallArguments arguments;
  bool is_first = true;
  while (!stream_.TryOperator(")")) {
    if (!std::exchange(is_first, false)) {
      LORA_RETURN_IF_ERROR(stream_.ExpectOperator(","));
    }
    if (stream_.TryOperator(")")) break;
    if (stream_.AtOperator("*") || stream_.AtOperator("**")) {
      return stream_.UnsupportedHere("an argument list with *");
    }
    const bool is_named = stream_.At(TokenKind::kName) &&
                          stream_.next().kind == TokenKind::kOperator &&
                          stream_.next().text == "=";
    std::string name = is_named ? stream_.Take().text : "";
    if (is_named) stream_.Take();
    LORA_ASSIGN_OR_RETURN(ExpressionPtr value, Parse());
    if (is_named) {
      arguments.named.emplace_back(std::move(name), std::move(value));
    } else if (!arguments.named.empty()) {
      return stream_.SyntaxError("a named argument");
    } else {
      arguments.positional.push_back(std::move(value));
    }
  }
  return arguments;
}

ExpressionParser::Result ExpressionParser::ParseFilter(ExpressionPtr input) {
  const int line = stream_.line();
  LORA_ASSIGN_OR_RETURN(std::string name, stream_.ExpectAnyName());
  if (!IsFilter(name)) {
    return stream_.UnsupportedHere(absl::StrCat("the filter \"", name, "\""));
  }
  CallArguments arguments;
  if (stream_.AtOperator("(")) {
    LORA_ASSIGN_OR_RETURN(arguments, ParseArguments());
  }
  return Make(line, FilterNode{std::move(input), std::move(name),
                               std::move(arguments)});
}

absl::StatusOr<std::vector<ExpressionPtr>>
ExpressionParser::ParseFilterNames() {
  std::vector<ExpressionPtr> filters;
  do {
    LORA_ASSIGN_OR_RETURN(ExpressionPtr filter, ParseFilter(nullptr));
    filters.push_back(std::move(filter));
  } while (stream_.TryOperator("|"));
  return filters;
}

ExpressionParser::Result ExpressionParser::ParseTest(ExpressionPtr input) {
  const int line = stream_.line();
  const bool is_negated = stream_.TryName("not");
  LORA_ASSIGN_OR_RETURN(std::string name, stream_.ExpectAnyName());
  if (!IsTest(name)) {
    return stream_.UnsupportedHere(absl::StrCat("the test \"", name, "\""));
  }
  CallArguments arguments;
  const TokenKind kind = stream_.current().kind;
  if (stream_.AtOperator("(")) {
    LORA_ASSIGN_OR_RETURN(arguments, ParseArguments());
  } else if ((kind == TokenKind::kName && !stream_.AtName("else") &&
              !stream_.AtName("or") && !stream_.AtName("and") &&
              !stream_.AtName("is") && !stream_.AtName("if") &&
              !stream_.AtName("in") && !stream_.AtName("not")) ||
             kind == TokenKind::kString || kind == TokenKind::kInteger ||
             kind == TokenKind::kFloat || stream_.AtOperator("[") ||
             stream_.AtOperator("{")) {
    // `x is divisibleby 3`: one argument without brackets.
    LORA_ASSIGN_OR_RETURN(ExpressionPtr argument, ParsePrimary());
    LORA_ASSIGN_OR_RETURN(argument, ParsePostfix(std::move(argument)));
    arguments.positional.push_back(std::move(argument));
  }
  ExpressionPtr test = Make(
      line, TestNode{std::move(input), std::move(name), std::move(arguments)});
  if (!is_negated) return test;
  return Make(line,
              UnaryNode{.op = UnaryOperator::kNot, .operand = std::move(test)});
}

}  // namespace lora::jinja
