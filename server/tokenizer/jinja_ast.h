// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_AST_H_
#define LORA_SERVER_TOKENIZER_JINJA_AST_H_

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// The nodes of a parsed template. Null pointers stand for parts that the
// source leaves out, where the comment says so.

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct LiteralNode {
  Value value;
};
struct NameNode {
  std::string name;
};
struct SequenceNode {  // [a, b] and (a, b)
  std::vector<ExpressionPtr> items;
  bool is_tuple;
};
struct DictNode {  // {a: b}
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct AttributeNode {  // a.b
  ExpressionPtr object;
  std::string name;
};
struct ItemNode {  // a[b]
  ExpressionPtr object;
  ExpressionPtr key;
};
struct SliceNode {  // a[begin:end:step], each of which may be null
  ExpressionPtr object;
  ExpressionPtr begin;
  ExpressionPtr end;
  ExpressionPtr step;
};
struct CallNode {  // a(...)
  ExpressionPtr function;
  CallArguments arguments;
};
struct FilterNode {     // a|name(...)
  ExpressionPtr input;  // Null in a filter block: the block's text.
  std::string name;
  CallArguments arguments;
};
struct TestNode {  // a is name(...)
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};
enum class UnaryOperator { kNot, kMinus, kPlus };
struct UnaryNode {
  UnaryOperator op;
  ExpressionPtr operand;
};
enum class BinaryOperator {
  kAnd,
  kOr,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kConcatenate,
};
struct BinaryNode {
  BinaryOperator op;
  ExpressionPtr left;
  ExpressionPtr right;
};
enum class ComparisonOperator {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};
struct ComparisonNode {  // a < b <= c
  ExpressionPtr first;
  std::vector<std::pair<ComparisonOperator, ExpressionPtr>> rest;
};
struct ConditionalNode {  // a if condition else b
  ExpressionPtr condition;
  ExpressionPtr then;
  ExpressionPtr otherwise;  // May be null: undefined.
};

struct Expression {
  int line;
  std::variant<LiteralNode, NameNode, SequenceNode, DictNode, AttributeNode,
               ItemNode, SliceNode, CallNode, FilterNode, TestNode, UnaryNode,
               BinaryNode, ComparisonNode, ConditionalNode>
      node;
};

struct Statement;
using Block = std::vector<std::unique_ptr<const Statement>>;

// What a value is assigned to: one name, several that share its items, or a
// member of a namespace.
struct Target {
  std::vector<std::string> names;
  bool unpacks = false;
  std::string member;  // Not empty: names[0] is a namespace.
};

struct TextStatement {
  std::string text;
};
struct PrintStatement {
  ExpressionPtr value;
};
struct IfStatement {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct ForStatement {
  Target target;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // May be null.
  Block body;
  Block otherwise;  // When no round ran to its end.
};
struct SetStatement {
  Target target;
  ExpressionPtr value;
};
struct SetBlockStatement {
  Target target;
  // What the block's text passes through, first to last.
  std::vector<ExpressionPtr> filters;
  Block body;
};
struct FilterStatement {
  std::vector<ExpressionPtr> filters;
  Block body;
};
struct MacroStatement {
  std::string name;
  // With their defaults, which may be null.
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;
  Block body;
};
struct WithStatement {
  std::vector<std::pair<std::string, ExpressionPtr>> variables;
  Block body;
};
struct BreakStatement {};
struct ContinueStatement {};

struct Statement {
  int line;
  std::variant<TextStatement, PrintStatement, IfStatement, ForStatement,
               SetStatement, SetBlockStatement, FilterStatement, MacroStatement,
               WithStatement, BreakStatement, ContinueStatement>
      node;
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_AST_H_
