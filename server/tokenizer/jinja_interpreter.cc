// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_interpreter.h"

#include <memory>
#include <utility>
#include <variant>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_access.h"
#include "server/tokenizer/jinja_loop.h"
#include "server/tokenizer/jinja_print.h"

namespace lora::jinja {

Interpreter::Interpreter(const Scope& globals, Budget& budget)
    : budget_(budget), evaluator_(budget), top_(&globals) {}

absl::StatusOr<std::string> Interpreter::Run(const Block& block) {
  std::string out;
  LORA_RETURN_IF_ERROR(Execute(block, top_, out).status());
  return out;
}

Interpreter::Result Interpreter::Execute(const Block& block, Scope& scope,
                                         std::string& out) {
  const absl::Cleanup leave = [this] { budget_.Leave(); };
  LORA_RETURN_IF_ERROR(budget_.Enter());
  for (const auto& statement : block) {
    LORA_RETURN_IF_ERROR(budget_.Step());
    evaluator_.set_line(statement->line);
    LORA_ASSIGN_OR_RETURN(
        const Flow flow,
        std::visit(
            [&](const auto& node) { return ExecuteNode(node, scope, out); },
            statement->node));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

absl::Status Interpreter::Write(absl::string_view text, std::string& out) {
  LORA_RETURN_IF_ERROR(budget_.Make(text.size()));
  absl::StrAppend(&out, text);
  return absl::OkStatus();
}

Interpreter::Result Interpreter::ExecuteNode(const TextStatement& node, Scope&,
                                             std::string& out) {
  LORA_RETURN_IF_ERROR(Write(node.text, out));
  return Flow::kNext;
}

Interpreter::Result Interpreter::ExecuteNode(const PrintStatement& node,
                                             Scope& scope, std::string& out) {
  LORA_ASSIGN_OR_RETURN(const Value value,
                        evaluator_.Evaluate(*node.value, scope));
  LORA_ASSIGN_OR_RETURN(const std::string text, ToText(value, budget_));
  LORA_RETURN_IF_ERROR(Write(text, out));
  return Flow::kNext;
}

Interpreter::Result Interpreter::ExecuteNode(const IfStatement& node,
                                             Scope& scope, std::string& out) {
  for (const auto& [condition, body] : node.branches) {
    LORA_ASSIGN_OR_RETURN(const Value value,
                          evaluator_.Evaluate(*condition, scope));
    if (value.IsTrue()) return Execute(body, scope, out);
  }
  return Execute(node.otherwise, scope, out);
}

absl::StatusOr<std::vector<Value>> Interpreter::SelectItems(
    const ForStatement& node, Scope& scope) {
  LORA_ASSIGN_OR_RETURN(const Value iterable,
                        evaluator_.Evaluate(*node.iterable, scope));
  LORA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(iterable, budget_));
  if (node.condition == nullptr) return items;
  std::vector<Value> selected;
  for (Value& item : items) {
    Scope inner(&scope);
    LORA_RETURN_IF_ERROR(Assign(node.target, item, inner));
    LORA_ASSIGN_OR_RETURN(const Value condition,
                          evaluator_.Evaluate(*node.condition, inner));
    if (condition.IsTrue()) selected.push_back(std::move(item));
  }
  return selected;
}

Interpreter::Result Interpreter::ExecuteNode(const ForStatement& node,
                                             Scope& scope, std::string& out) {
  LORA_ASSIGN_OR_RETURN(std::vector<Value> items, SelectItems(node, scope));
  const auto loop = std::make_shared<LoopState>(std::move(items));
  bool ran_to_end = false;
  for (size_t i = 0; i < loop->items().size(); ++i) {
    LORA_RETURN_IF_ERROR(budget_.Step());
    loop->MoveTo(i);
    Scope inner(&scope);
    inner.Set("loop", Value::Loop(loop));
    LORA_RETURN_IF_ERROR(Assign(node.target, loop->items()[i], inner));
    LORA_ASSIGN_OR_RETURN(const Flow flow, Execute(node.body, inner, out));
    if (flow == Flow::kBreak) break;
    ran_to_end = ran_to_end || flow == Flow::kNext;
  }
  // As in Jinja2, where a round that is left early does not count.
  if (!ran_to_end) return Execute(node.otherwise, scope, out);
  return Flow::kNext;
}

Interpreter::Result Interpreter::ExecuteNode(const SetStatement& node,
                                             Scope& scope, std::string&) {
  LORA_ASSIGN_OR_RETURN(const Value value,
                        evaluator_.Evaluate(*node.value, scope));
  LORA_RETURN_IF_ERROR(Assign(node.target, value, scope));
  return Flow::kNext;
}

Interpreter::Result Interpreter::ExecuteNode(const SetBlockStatement& node,
                                             Scope& scope, std::string&) {
  LORA_ASSIGN_OR_RETURN(const Value value,
                        Capture(node.body, node.filters, scope));
  LORA_RETURN_IF_ERROR(Assign(node.target, value, scope));
  return Flow::kNext;
}

Interpreter::Result Interpreter::ExecuteNode(const FilterStatement& node,
                                             Scope& scope, std::string& out) {
  LORA_ASSIGN_OR_RETURN(const Value value,
                        Capture(node.body, node.filters, scope));
  LORA_ASSIGN_OR_RETURN(const std::string text, ToText(value, budget_));
  LORA_RETURN_IF_ERROR(Write(text, out));
  return Flow::kNext;
}

absl::StatusOr<Value> Interpreter::Capture(
    const Block& body, const std::vector<ExpressionPtr>& filters,
    Scope& scope) {
  std::string text;
  Scope inner(&scope);
  LORA_RETURN_IF_ERROR(Execute(body, inner, text).status());
  Value value = Value::String(std::move(text));
  for (const ExpressionPtr& filter : filters) {
    LORA_ASSIGN_OR_RETURN(value, evaluator_.Filter(*filter, value, scope));
  }
  return value;
}

Interpreter::Result Interpreter::ExecuteNode(const MacroStatement& node,
                                             Scope& scope, std::string&) {
  scope.Set(node.name,
            Value::Function(
                {.call = [this, &node](const Arguments& arguments, Budget&) {
                  return CallMacro(node, arguments);
                }}));
  return Flow::kNext;
}

absl::StatusOr<Value> Interpreter::CallMacro(const MacroStatement& macro,
                                             const Arguments& arguments) {
  Scope scope(&top_);
  LORA_RETURN_IF_ERROR(BindParameters(macro, arguments, scope));
  std::string text;
  LORA_RETURN_IF_ERROR(Execute(macro.body, scope, text).status());
  return Value::String(std::move(text));
}

absl::Status Interpreter::BindParameters(const MacroStatement& macro,
                                         const Arguments& arguments,
                                         Scope& scope) {
  if (arguments.positional.size() > macro.parameters.size()) {
    return Fail(absl::StrCat("the macro \"", macro.name, "\" takes ",
                             macro.parameters.size(), " arguments; ",
                             arguments.positional.size(), " were given"));
  }
  size_t num_named = 0;
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& [name, fallback] = macro.parameters[i];
    const Value* given = nullptr;
    if (i < arguments.positional.size()) given = &arguments.positional[i];
    for (const auto& [argument_name, value] : arguments.named) {
      if (argument_name != name || given != nullptr) continue;
      given = &value;
      ++num_named;
    }
    if (given != nullptr) {
      scope.Set(name, *given);
    } else if (fallback != nullptr) {
      LORA_ASSIGN_OR_RETURN(Value value, evaluator_.Evaluate(*fallback, scope));
      scope.Set(name, std::move(value));
    } else {
      scope.Set(name, Value::Undefined(absl::StrCat("the parameter \"", name,
                                                    "\" was not given")));
    }
  }
  if (num_named < arguments.named.size()) {
    return Fail(absl::StrCat("the macro \"", macro.name,
                             "\" has no parameter of a given name, or it is "
                             "given twice"));
  }
  return absl::OkStatus();
}

Interpreter::Result Interpreter::ExecuteNode(const WithStatement& node,
                                             Scope& scope, std::string& out) {
  Scope inner(&scope);
  for (const auto& [name, expression] : node.variables) {
    LORA_ASSIGN_OR_RETURN(Value value, evaluator_.Evaluate(*expression, scope));
    inner.Set(name, std::move(value));
  }
  return Execute(node.body, inner, out);
}

Interpreter::Result Interpreter::ExecuteNode(const BreakStatement&, Scope&,
                                             std::string&) {
  return Flow::kBreak;
}

Interpreter::Result Interpreter::ExecuteNode(const ContinueStatement&, Scope&,
                                             std::string&) {
  return Flow::kContinue;
}

absl::Status Interpreter::Assign(const Target& target, const Value& value,
                                 Scope& scope) {
  if (!target.member.empty()) {
    const Value* object = scope.Find(target.names[0]);
    if (object == nullptr || !object->is_namespace()) {
      return Fail(absl::StrCat("\"", target.names[0],
                               "\" is no namespace; only members of a "
                               "namespace can be set"));
    }
    object->as_namespace().members.insert_or_assign(target.member, value);
    return absl::OkStatus();
  }
  if (!target.unpacks) {
    scope.Set(target.names[0], value);
    return absl::OkStatus();
  }
  LORA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(value, budget_));
  if (items.size() != target.names.size()) {
    return Fail(absl::StrCat(items.size(), " values cannot be assigned to ",
                             target.names.size(), " names"));
  }
  for (size_t i = 0; i < items.size(); ++i) {
    scope.Set(target.names[i], std::move(items[i]));
  }
  return absl::OkStatus();
}

}  // namespace lora::jinja
