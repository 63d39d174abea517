// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_TOKENIZER_JINJA_TEST_UTIL_H_
#define LORA_TESTS_UNIT_TOKENIZER_JINJA_TEST_UTIL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/json.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_template.h"

namespace lora::jinja {

// The text of the template `source` with the members of `variables`.
inline absl::StatusOr<std::string> Render(
    absl::string_view source, const Json& variables = Json::object()) {
  LORA_ASSIGN_OR_RETURN(const Template parsed, Template::Parse(source));
  Dict dict;
  for (const auto& [name, value] : variables.items()) {
    dict.Set(name, Value::FromJson(value));
  }
  return parsed.Render(dict, absl::UnixEpoch());
}

// The text of one expression.
inline absl::StatusOr<std::string> Print(
    absl::string_view expression, const Json& variables = Json::object()) {
  return Render(absl::StrCat("{{ ", expression, " }}"), variables);
}

}  // namespace lora::jinja

#endif  // LORA_TESTS_UNIT_TOKENIZER_JINJA_TEST_UTIL_H_
