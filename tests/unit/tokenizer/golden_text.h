// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_TOKENIZER_GOLDEN_TEXT_H_
#define LORA_TESTS_UNIT_TOKENIZER_GOLDEN_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/base/json.h"

namespace lora {

// The text of a file of tests/golden/tokenizer; the test fails if it is not
// there.
std::string ReadGoldenText(absl::string_view name);
// The same, parsed.
Json ReadGoldenJson(absl::string_view name);

}  // namespace lora

#endif  // LORA_TESTS_UNIT_TOKENIZER_GOLDEN_TEXT_H_
