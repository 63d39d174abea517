// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_PROMPT_BUILDER_H_
#define LORA_SERVER_ENGINE_PROMPT_BUILDER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/generation.h"
#include "server/tokenizer/tokenizer.h"

namespace lora {

struct PromptLimits {
  int32_t vocab_size = 0;
  // Of the text; longer ones are not looked at. Unset: any.
  std::optional<int64_t> max_bytes;
};

// Makes token ids of a prompt, the one way for Generate and Tokenize.
//
// INVALID_ARGUMENT (INPUT): empty, too long, not UTF-8, or an id outside the
// vocabulary; (CHAT_TEMPLATE): the template refuses the conversation.
// FAILED_PRECONDITION (CHAT_TEMPLATE): the model has no template. UNIMPLEMENTED
// (CHAT_TEMPLATE): the template needs what this server lacks.
absl::StatusOr<std::vector<int32_t>> BuildPrompt(const Tokenizer& tokenizer,
                                                 const PromptInput& input,
                                                 const PromptLimits& limits);

// The bytes of the longest entry of the vocabulary: a text of more bytes than
// this for each token of the context cannot fit it.
int64_t LongestPieceBytes(const Tokenizer& tokenizer);

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_PROMPT_BUILDER_H_
