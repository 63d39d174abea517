// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_PROMPT_BUILDER_H_
#define LORA_SERVER_ENGINE_PROMPT_BUILDER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/generation.h"
#include "server/tokenizer/tokenizer.h"

namespace lora {

// Makes token ids of a prompt, the one way for Generate and Tokenize.
//
// INVALID_ARGUMENT (INPUT): empty, not UTF-8, or an id outside the vocabulary;
// (CHAT_TEMPLATE): the template refuses the conversation. FAILED_PRECONDITION
// (CHAT_TEMPLATE): the model has no template. UNIMPLEMENTED (CHAT_TEMPLATE):
// the template needs what this server lacks.
absl::StatusOr<std::vector<int32_t>> BuildPrompt(const Tokenizer& tokenizer,
                                                 const PromptInput& input,
                                                 int32_t vocab_size);

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_PROMPT_BUILDER_H_
