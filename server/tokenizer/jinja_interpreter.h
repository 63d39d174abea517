// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_INTERPRETER_H_
#define LORA_SERVER_TOKENIZER_JINJA_INTERPRETER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_ast.h"
#include "server/tokenizer/jinja_evaluator.h"
#include "server/tokenizer/jinja_scope.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// Runs the statements of a template once. Not thread-safe; what it is made
// with, and the template, must outlive it.
class Interpreter {
 public:
  // `globals` are seen by the template and its macros.
  Interpreter(const Scope& globals, Budget& budget);

  // The text of `block`. Errors as Template::Render, without the line.
  absl::StatusOr<std::string> Run(const Block& block);

  // The line of what was evaluated last.
  int line() const { return evaluator_.line(); }

 private:
  // How a statement ends.
  enum class Flow { kNext, kBreak, kContinue };
  using Result = absl::StatusOr<Flow>;

  Result Execute(const Block& block, Scope& scope, std::string& out);
  Result ExecuteNode(const TextStatement& node, Scope& scope, std::string& out);
  Result ExecuteNode(const PrintStatement& node, Scope& scope,
                     std::string& out);
  Result ExecuteNode(const IfStatement& node, Scope& scope, std::string& out);
  Result ExecuteNode(const ForStatement& node, Scope& scope, std::string& out);
  Result ExecuteNode(const SetStatement& node, Scope& scope, std::string& out);
  Result ExecuteNode(const SetBlockStatement& node, Scope& scope,
                     std::string& out);
  Result ExecuteNode(const FilterStatement& node, Scope& scope,
                     std::string& out);
  Result ExecuteNode(const MacroStatement& node, Scope& scope,
                     std::string& out);
  Result ExecuteNode(const WithStatement& node, Scope& scope, std::string& out);
  Result ExecuteNode(const BreakStatement& node, Scope& scope,
                     std::string& out);
  Result ExecuteNode(const ContinueStatement& node, Scope& scope,
                     std::string& out);

  // The items of a loop that pass its condition.
  absl::StatusOr<std::vector<Value>> SelectItems(const ForStatement& node,
                                                 Scope& scope);
  // The text of a block with variables of its own, passed through filters.
  absl::StatusOr<Value> Capture(const Block& body,
                                const std::vector<ExpressionPtr>& filters,
                                Scope& scope);
  absl::StatusOr<Value> CallMacro(const MacroStatement& macro,
                                  const Arguments& arguments);
  absl::Status BindParameters(const MacroStatement& macro,
                              const Arguments& arguments, Scope& scope);
  absl::Status Assign(const Target& target, const Value& value, Scope& scope);
  absl::Status Write(absl::string_view text, std::string& out);

  Budget& budget_;
  Evaluator evaluator_;
  Scope top_;  // The variables of the template itself; macros see them.
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_INTERPRETER_H_
