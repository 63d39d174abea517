// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/tokenizer_parts.h"
#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

// Positions in a word are 32-bit; no prompt comes near this.
constexpr size_t kMaxTextBytes = size_t{256} << 20;

absl::Status CheckText(absl::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return Error(
        absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
        absl::StrCat("the text is ", text.size(), " bytes long; at most ",
                     kMaxTextBytes, " are tokenized"));
  }
  if (!IsValidUtf8(text)) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
                 "the text is not valid UTF-8; encode it as UTF-8");
  }
  return absl::OkStatus();
}

bool HasTools(const ChatRequest& request) {
  if (!request.template_kwargs.is_object()) return false;
  const auto tools = request.template_kwargs.find("tools");
  return tools != request.template_kwargs.end() && !tools->is_null();
}

}  // namespace

Tokenizer::Tokenizer(TokenizerParts parts)
    : parts_(std::make_unique<const TokenizerParts>(std::move(parts))) {}

Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::Load(
    const std::string& directory) {
  LORA_ASSIGN_OR_RETURN(TokenizerParts parts, TokenizerParts::Load(directory));
  return std::unique_ptr<const Tokenizer>(new Tokenizer(std::move(parts)));
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(
    absl::string_view text, SpecialTokens special) const {
  LORA_RETURN_IF_ERROR(CheckText(text));
  LORA_ASSIGN_OR_RETURN(std::vector<InputPart> parts,
                        parts_->added_tokens.Split(text, *parts_->normalizer));
  std::vector<int32_t> ids;
  BpeWorkspace workspace;
  for (InputPart& part : parts) {
    if (part.token_id.has_value()) {
      ids.push_back(*part.token_id);
      continue;
    }
    std::vector<TextPiece> whole;
    whole.push_back(std::move(part.piece));
    LORA_ASSIGN_OR_RETURN(const std::vector<TextPiece> words,
                          parts_->pre_tokenizer->Cut(std::move(whole)));
    for (const TextPiece& word : words) {
      LORA_RETURN_IF_ERROR(parts_->model->Tokenize(word.text, workspace, ids));
    }
  }
  if (special == SpecialTokens::kNone) return ids;
  return parts_->post_processor.WithSpecialTokens(std::move(ids));
}

std::string Tokenizer::Decode(absl::Span<const int32_t> ids,
                              SkipSpecial skip) const {
  DecodeStream stream = StartDecoding(ByteRuns::kWhole);
  std::string text;
  for (const int32_t id : ids) {
    if (const auto token = DecoderInput(id, skip)) stream.Append(*token, text);
  }
  stream.Finish(text);
  return text;
}

std::optional<absl::string_view> Tokenizer::DecoderInput(
    int32_t id, SkipSpecial skip) const {
  if (const AddedToken* added = parts_->added_tokens.Find(id)) {
    if (skip == SkipSpecial::kYes && added->special) return std::nullopt;
    return parts_->added_tokens.DecoderInput(*added);
  }
  return parts_->model->Token(id);
}

DecodeStream Tokenizer::StartDecoding(ByteRuns byte_runs) const {
  return parts_->decoder.Start(byte_runs);
}

std::string Tokenizer::Piece(int32_t id) const {
  if (const AddedToken* added = parts_->added_tokens.Find(id)) {
    return added->content;
  }
  return std::string(parts_->model->Token(id).value_or(""));
}

bool Tokenizer::IsSpecial(int32_t id) const {
  const AddedToken* added = parts_->added_tokens.Find(id);
  return added != nullptr && added->special;
}

std::optional<int32_t> Tokenizer::TokenId(absl::string_view token) const {
  if (const AddedToken* added = parts_->added_tokens.Find(token)) {
    return added->id;
  }
  return parts_->model->TokenId(token);
}

int32_t Tokenizer::vocab_size() const {
  return std::max(parts_->model->max_id(), parts_->added_tokens.max_id()) + 1;
}

const ChatTemplate* Tokenizer::chat_template() const {
  return parts_->chat_template.get();
}

absl::StatusOr<std::string> Tokenizer::RenderChat(
    const ChatRequest& request) const {
  const bool by_tool_use =
      parts_->tool_use_template != nullptr && HasTools(request);
  const ChatTemplate* chosen =
      by_tool_use ? parts_->tool_use_template.get() : chat_template();
  if (chosen == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 ErrorReason::kChatTemplate,
                 "the base model has no chat template; send the prompt as "
                 "text or token ids");
  }
  return chosen->Render(request);
}

}  // namespace lora
