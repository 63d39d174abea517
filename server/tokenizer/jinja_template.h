// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_TEMPLATE_H_
#define LORA_SERVER_TOKENIZER_JINJA_TEMPLATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/tokenizer/jinja_ast.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// A parsed template of the Jinja2 subset, with the settings and globals of
// `transformers`. Immutable and thread-safe.
class Template {
 public:
  // Errors as ParseTemplate.
  static absl::StatusOr<Template> Parse(absl::string_view source);

  // The text of the template with `variables`. `now` is what strftime_now
  // formats, in the local time zone.
  //
  // All errors have the reason CHAT_TEMPLATE and name the line.
  // INVALID_ARGUMENT: raise_exception was called, with its message; or the
  // template does what Python refuses. UNIMPLEMENTED: it uses what the subset
  // lacks. RESOURCE_EXHAUSTED: it takes more than a Budget.
  absl::StatusOr<std::string> Render(const Dict& variables,
                                     absl::Time now) const;

 private:
  explicit Template(Block block) : block_(std::move(block)) {}

  Block block_;
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_TEMPLATE_H_
