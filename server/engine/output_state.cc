// SPDX-License-Identifier: Apache-2.0
#include "server/engine/output_state.h"

#include <utility>

namespace lora {

OutputState::OutputState(const Tokenizer& tokenizer, OutputOptions options)
    : options_(std::move(options)),
      stops_(options_.stop),
      detokenizer_(tokenizer, SkipSpecial::kYes) {}

void OutputState::Append(TokenLogprobs token) {
  ++completion_tokens_;
  if (options_.end_token_ids.contains(token.chosen.token_id)) {
    Finish(FinishReason::kStop);
    return;
  }
  const int32_t id = token.chosen.token_id;
  held_tokens_.push_back({std::move(token), std::nullopt});
  Detokenize(id);
  if (EndAtStopString()) return;
  if (completion_tokens_ == options_.max_new_tokens) {
    Finish(FinishReason::kLength);
    return;
  }
  PublishUpTo(published_end_ + held_text_.size() - stops_.HeldBack(held_text_));
}

GenerationDelta OutputState::TakeDelta() {
  return std::exchange(delta_, GenerationDelta());
}

// The token is the last of held_tokens_.
void OutputState::Detokenize(int32_t id) {
  const std::string text = detokenizer_.Append(id);
  held_text_ += text;
  if (!detokenizer_.HoldsText()) {
    EndTokens(/*num_open=*/0);
  } else if (!text.empty()) {
    EndTokens(/*num_open=*/1);
  }
}

// All text of the tokens, but for the last `num_open` of them, has come.
void OutputState::EndTokens(size_t num_open) {
  // From the back: older tokens have their end already.
  for (size_t i = held_tokens_.size() - num_open; i > 0; --i) {
    HeldToken& held = held_tokens_[i - 1];
    if (held.text_end.has_value()) break;
    held.text_end = published_end_ + held_text_.size();
  }
}

bool OutputState::EndAtStopString() {
  const std::optional<StopMatcher::Match> match =
      stops_.Find(held_text_, num_searched_);
  num_searched_ = held_text_.size();
  if (!match.has_value()) return false;
  stop_match_ = std::string(match->stop);
  PublishUpTo(published_end_ + match->begin);
  held_text_.clear();
  held_tokens_.clear();
  reason_ = FinishReason::kStop;
  return true;
}

void OutputState::PublishUpTo(size_t text_end) {
  const size_t length = text_end - published_end_;
  delta_.text.append(held_text_, 0, length);
  held_text_.erase(0, length);
  published_end_ = text_end;
  num_searched_ -= length < num_searched_ ? length : num_searched_;
  while (!held_tokens_.empty()) {
    HeldToken& front = held_tokens_.front();
    if (!front.text_end.has_value() || *front.text_end > text_end) break;
    delta_.token_ids.push_back(front.token.chosen.token_id);
    if (options_.with_logprobs) {
      delta_.logprobs.push_back(std::move(front.token));
    }
    held_tokens_.pop_front();
  }
}

// Ends the answer with everything that is still held back, unless the last
// characters complete a stop string.
void OutputState::Finish(FinishReason reason) {
  held_text_ += detokenizer_.Flush();
  EndTokens(/*num_open=*/0);
  if (EndAtStopString()) return;
  PublishUpTo(published_end_ + held_text_.size());
  reason_ = reason;
}

}  // namespace lora
