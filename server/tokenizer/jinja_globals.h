// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_GLOBALS_H_
#define LORA_SERVER_TOKENIZER_JINJA_GLOBALS_H_

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "server/tokenizer/jinja_scope.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// Owns the namespaces of one render: they may refer to each other in circles.
using NamespaceArena = std::vector<std::unique_ptr<Namespace>>;

// Sets the functions that every template sees: range, dict, namespace,
// raise_exception and strftime_now. `namespaces` must outlive the scope.
void DefineGlobals(absl::Time now, NamespaceArena& namespaces, Scope& scope);

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_GLOBALS_H_
