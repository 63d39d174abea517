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
  const size_t others = held_tokens_.size() - 1;
  const bool holds_bytes =
      others > 0 && !held_tokens_[others - 1].text_end.has_value();
  // A token without text ends where the one before it does: it has no part in
  // what follows.
  if (detokenizer_.LeavesOut(id) && !holds_bytes) {
    held_tokens_.back().text_end = published_end_ + held_text_.size();
  } else {
    AddText(detokenizer_.Append(id));
  }
}

void OutputState::AddText(absl::string_view text) {
  if (text.empty()) return;
  held_text_.append(text.data(), text.size());
  // From the back: older tokens have their end already.
  for (auto it = held_tokens_.rbegin(); it != held_tokens_.rend(); ++it) {
    if (it->text_end.has_value()) break;
    it->text_end = published_end_ + held_text_.size();
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
  AddText(detokenizer_.Flush());
  if (EndAtStopString()) return;
  for (HeldToken& held : held_tokens_) {
    if (!held.text_end.has_value()) {
      held.text_end = published_end_ + held_text_.size();
    }
  }
  PublishUpTo(published_end_ + held_text_.size());
  reason_ = reason;
}

}  // namespace lora
