// SPDX-License-Identifier: Apache-2.0
#include "server/engine/prompt_builder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status InputError(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
               message);
}

absl::StatusOr<std::vector<int32_t>> EncodeText(const Tokenizer& tokenizer,
                                                const std::string& text,
                                                SpecialTokens special,
                                                const PromptLimits& limits) {
  const auto bytes = static_cast<int64_t>(text.size());
  if (limits.max_bytes.has_value() && bytes > *limits.max_bytes) {
    return InputError(absl::StrCat("the prompt has ", bytes,
                                   " bytes, expected at most ",
                                   *limits.max_bytes, ": shorten it"));
  }
  return tokenizer.Encode(text, special);
}

absl::StatusOr<std::vector<int32_t>> EncodeChat(const Tokenizer& tokenizer,
                                                const ChatPrompt& chat,
                                                const PromptLimits& limits) {
  if (chat.messages.empty()) {
    return InputError("the chat has no messages; send at least one");
  }
  ChatRequest request;
  for (const ChatTurn& turn : chat.messages) {
    request.messages.push_back({turn.role, turn.content});
  }
  request.template_kwargs = chat.template_kwargs;
  request.add_generation_prompt = chat.add_generation_prompt;
  LORA_ASSIGN_OR_RETURN(const std::string text, tokenizer.RenderChat(request));
  // The template writes the special tokens itself.
  return EncodeText(tokenizer, text, SpecialTokens::kNone, limits);
}

absl::StatusOr<std::vector<int32_t>> Encode(const Tokenizer& tokenizer,
                                            const PromptInput& input,
                                            const PromptLimits& limits) {
  if (const auto* text = std::get_if<std::string>(&input.content)) {
    return EncodeText(
        tokenizer, *text,
        input.add_special_tokens ? SpecialTokens::kAdd : SpecialTokens::kNone,
        limits);
  }
  if (const auto* chat = std::get_if<ChatPrompt>(&input.content)) {
    return EncodeChat(tokenizer, *chat, limits);
  }
  return std::get<std::vector<int32_t>>(input.content);
}

}  // namespace

absl::StatusOr<std::vector<int32_t>> BuildPrompt(const Tokenizer& tokenizer,
                                                 const PromptInput& input,
                                                 const PromptLimits& limits) {
  LORA_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                        Encode(tokenizer, input, limits));
  if (ids.empty()) {
    return InputError("the prompt has no tokens; send at least one");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= limits.vocab_size) {
      return InputError(absl::StrCat("token id ", ids[i], " at position ", i,
                                     " is outside the vocabulary of ",
                                     limits.vocab_size, " tokens"));
    }
  }
  return ids;
}

int64_t LongestPieceBytes(const Tokenizer& tokenizer) {
  size_t longest = 0;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    longest = std::max(longest, tokenizer.Piece(id).size());
  }
  return static_cast<int64_t>(longest);
}

}  // namespace lora
