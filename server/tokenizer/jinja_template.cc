// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_template.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_budget.h"
#include "server/tokenizer/jinja_globals.h"
#include "server/tokenizer/jinja_interpreter.h"
#include "server/tokenizer/jinja_parser.h"
#include "server/tokenizer/jinja_scope.h"

namespace lora::jinja {

absl::StatusOr<Template> Template::Parse(absl::string_view source) {
  LORA_ASSIGN_OR_RETURN(Block block, ParseTemplate(source));
  return Template(std::move(block));
}

absl::StatusOr<std::string> Template::Render(const Dict& variables,
                                             absl::Time now) const {
  Budget budget;
  NamespaceArena namespaces;
  Scope scope(nullptr);
  DefineGlobals(now, namespaces, scope);
  for (const auto& [name, value] : variables.entries()) scope.Set(name, value);
  Interpreter interpreter(scope, budget);
  absl::StatusOr<std::string> text = interpreter.Run(block_);
  if (text.ok()) return text;
  return Annotate(text.status(),
                  absl::StrCat("chat template, line ", interpreter.line()));
}

}  // namespace lora::jinja
