// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_parser.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_expression_parser.h"
#include "server/tokenizer/jinja_token_stream.h"

namespace lora::jinja {
namespace {

using Node = decltype(Statement::node);

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens)
      : stream_(std::move(tokens)), expressions_(stream_) {}

  absl::StatusOr<Block> Parse() {
    LORA_ASSIGN_OR_RETURN(Block block, ParseBlock({}));
    LORA_RETURN_IF_ERROR(stream_.Expect(TokenKind::kEnd));
    return block;
  }

 private:
  // Statements up to a tag that begins with one of `ends`, which is left, with
  // its {% taken.
  absl::StatusOr<Block> ParseBlock(absl::Span<const absl::string_view> ends) {
    if (++nesting_ > kMaxNesting) {
      return stream_.SyntaxError("a block that is nested less deeply");
    }
    Block block;
    while (!stream_.At(TokenKind::kEnd)) {
      const int line = stream_.line();
      Node node;
      if (stream_.At(TokenKind::kText)) {
        node = TextStatement{stream_.Take().text};
      } else if (stream_.At(TokenKind::kPrintBegin)) {
        stream_.Take();
        LORA_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.ParseTuple());
        LORA_RETURN_IF_ERROR(stream_.Expect(TokenKind::kPrintEnd));
        node = PrintStatement{std::move(value)};
      } else {
        LORA_RETURN_IF_ERROR(stream_.Expect(TokenKind::kBlockBegin));
        if (AtOneOf(ends)) break;
        if (stream_.TryName("generation")) {
          LORA_RETURN_IF_ERROR(ParseGeneration(block));
          continue;
        }
        LORA_ASSIGN_OR_RETURN(node, ParseStatement());
        LORA_RETURN_IF_ERROR(stream_.Expect(TokenKind::kBlockEnd));
      }
      block.push_back(std::make_unique<const Statement>(
          Statement{.line = line, .node = std::move(node)}));
    }
    --nesting_;
    return block;
  }

  bool AtOneOf(absl::Span<const absl::string_view> names) const {
    return std::any_of(
        names.begin(), names.end(),
        [this](absl::string_view name) { return stream_.AtName(name); });
  }

  // "%}", the block and the name that ends it.
  absl::StatusOr<Block> ParseBody(absl::string_view end) {
    LORA_RETURN_IF_ERROR(stream_.Expect(TokenKind::kBlockEnd));
    LORA_ASSIGN_OR_RETURN(Block body, ParseBlock({end}));
    LORA_RETURN_IF_ERROR(stream_.ExpectName(end));
    return body;
  }

  // As ParseBody, for a block with variables of its own that no loop control
  // leaves.
  absl::StatusOr<Block> ParseScope(absl::string_view end) {
    ++num_scopes_;
    const int num_loops = std::exchange(num_loops_, 0);
    LORA_ASSIGN_OR_RETURN(Block body, ParseBody(end));
    num_loops_ = num_loops;
    --num_scopes_;
    return body;
  }

  absl::StatusOr<Node> ParseStatement() {
    if (stream_.TryName("for")) return ParseFor();
    if (stream_.TryName("if")) return ParseIf();
    if (stream_.TryName("set")) return ParseSet();
    if (stream_.TryName("macro")) return ParseMacro();
    if (stream_.TryName("filter")) return ParseFilterBlock();
    if (stream_.TryName("with")) return ParseWith();
    if (stream_.AtName("break") || stream_.AtName("continue")) {
      return ParseLoopControl();
    }
    if (!stream_.At(TokenKind::kName) ||
        absl::StartsWith(stream_.current().text, "el") ||
        absl::StartsWith(stream_.current().text, "end")) {
      return stream_.SyntaxError("a statement");
    }
    return stream_.UnsupportedHere(
        absl::StrCat("the statement \"", stream_.current().text, "\""));
  }

  // Marks what the assistant says; the text is as without it.
  absl::Status ParseGeneration(Block& block) {
    LORA_ASSIGN_OR_RETURN(Block body, ParseBody("endgeneration"));
    LORA_RETURN_IF_ERROR(stream_.Expect(TokenKind::kBlockEnd));
    std::move(body.begin(), body.end(), std::back_inserter(block));
    return absl::OkStatus();
  }

  absl::StatusOr<Node> ParseFor() {
    ForStatement statement;
    LORA_ASSIGN_OR_RETURN(statement.target, ParseNames());
    LORA_RETURN_IF_ERROR(stream_.ExpectName("in"));
    LORA_ASSIGN_OR_RETURN(statement.iterable,
                          expressions_.ParseTupleWithoutIf());
    if (stream_.TryName("if")) {
      LORA_ASSIGN_OR_RETURN(statement.condition, expressions_.Parse());
    }
    if (stream_.AtName("recursive")) {
      return stream_.UnsupportedHere("a recursive loop");
    }
    LORA_RETURN_IF_ERROR(stream_.Expect(TokenKind::kBlockEnd));
    ++num_scopes_;
    ++num_loops_;
    LORA_ASSIGN_OR_RETURN(statement.body, ParseBlock({"endfor", "else"}));
    --num_loops_;
    --num_scopes_;
    if (stream_.TryName("else")) {
      LORA_ASSIGN_OR_RETURN(statement.otherwise, ParseBody("endfor"));
    } else {
      LORA_RETURN_IF_ERROR(stream_.ExpectName("endfor"));
    }
    return statement;
  }

  absl::StatusOr<Node> ParseIf() {
    IfStatement statement;
    do {
      LORA_ASSIGN_OR_RETURN(ExpressionPtr condition, expressions_.ParseTuple());
      LORA_RETURN_IF_ERROR(stream_.Expect(TokenKind::kBlockEnd));
      LORA_ASSIGN_OR_RETURN(Block body, ParseBlock({"elif", "else", "endif"}));
      statement.branches.emplace_back(std::move(condition), std::move(body));
    } while (stream_.TryName("elif"));
    if (stream_.TryName("else")) {
      LORA_ASSIGN_OR_RETURN(statement.otherwise, ParseBody("endif"));
    } else {
      LORA_RETURN_IF_ERROR(stream_.ExpectName("endif"));
    }
    return statement;
  }

  absl::StatusOr<Node> ParseSet() {
    LORA_ASSIGN_OR_RETURN(Target target, ParseTarget());
    if (stream_.TryOperator("=")) {
      LORA_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.ParseTuple());
      return SetStatement{std::move(target), std::move(value)};
    }
    SetBlockStatement statement{.target = std::move(target)};
    if (stream_.TryOperator("|")) {
      LORA_ASSIGN_OR_RETURN(statement.filters, expressions_.ParseFilterNames());
    }
    LORA_ASSIGN_OR_RETURN(statement.body, ParseScope("endset"));
    return statement;
  }

  absl::StatusOr<Target> ParseTarget() {
    LORA_ASSIGN_OR_RETURN(Target target, ParseNames());
    if (!target.unpacks && stream_.TryOperator(".")) {
      LORA_ASSIGN_OR_RETURN(target.member, stream_.ExpectAnyName());
    }
    return target;
  }

  // a, or a, b
  absl::StatusOr<Target> ParseNames() {
    Target target;
    const bool has_parenthesis = stream_.TryOperator("(");
    do {
      LORA_ASSIGN_OR_RETURN(std::string name, stream_.ExpectAnyName());
      target.names.push_back(std::move(name));
      target.unpacks = target.unpacks || stream_.AtOperator(",");
    } while (stream_.TryOperator(",") && stream_.At(TokenKind::kName));
    if (has_parenthesis) LORA_RETURN_IF_ERROR(stream_.ExpectOperator(")"));
    return target;
  }

  absl::StatusOr<Node> ParseMacro() {
    if (num_scopes_ > 0) {
      return stream_.UnsupportedHere("a macro inside another block than if");
    }
    MacroStatement statement;
    LORA_ASSIGN_OR_RETURN(statement.name, stream_.ExpectAnyName());
    LORA_RETURN_IF_ERROR(stream_.ExpectOperator("("));
    while (!stream_.TryOperator(")")) {
      if (!statement.parameters.empty()) {
        LORA_RETURN_IF_ERROR(stream_.ExpectOperator(","));
      }
      LORA_ASSIGN_OR_RETURN(std::string name, stream_.ExpectAnyName());
      ExpressionPtr fallback;
      if (stream_.TryOperator("=")) {
        LORA_ASSIGN_OR_RETURN(fallback, expressions_.Parse());
      }
      statement.parameters.emplace_back(std::move(name), std::move(fallback));
    }
    LORA_ASSIGN_OR_RETURN(statement.body, ParseScope("endmacro"));
    return statement;
  }

  absl::StatusOr<Node> ParseFilterBlock() {
    FilterStatement statement;
    LORA_ASSIGN_OR_RETURN(statement.filters, expressions_.ParseFilterNames());
    LORA_ASSIGN_OR_RETURN(statement.body, ParseScope("endfilter"));
    return statement;
  }

  absl::StatusOr<Node> ParseWith() {
    WithStatement statement;
    while (!stream_.At(TokenKind::kBlockEnd)) {
      if (!statement.variables.empty()) {
        LORA_RETURN_IF_ERROR(stream_.ExpectOperator(","));
      }
      LORA_ASSIGN_OR_RETURN(std::string name, stream_.ExpectAnyName());
      LORA_RETURN_IF_ERROR(stream_.ExpectOperator("="));
      LORA_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.Parse());
      statement.variables.emplace_back(std::move(name), std::move(value));
    }
    LORA_ASSIGN_OR_RETURN(statement.body, ParseScope("endwith"));
    return statement;
  }

  absl::StatusOr<Node> ParseLoopControl() {
    if (num_loops_ == 0) return stream_.SyntaxError("a loop around it");
    if (stream_.Take().text == "break") return BreakStatement{};
    return ContinueStatement{};
  }

  TokenStream stream_;
  ExpressionParser expressions_;
  int nesting_ = 0;
  int num_scopes_ = 0;  // Around the current statement, beside the template's.
  int num_loops_ = 0;
};

}  // namespace

absl::StatusOr<Block> ParseTemplate(absl::string_view source) {
  LORA_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  return Parser(std::move(tokens)).Parse();
}

}  // namespace lora::jinja
