// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_OUTPUT_STATE_H_
#define LORA_SERVER_ENGINE_OUTPUT_STATE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "server/engine/generation.h"
#include "server/engine/stop_matcher.h"
#include "server/tokenizer/incremental_detokenizer.h"
#include "server/tokenizer/tokenizer.h"

namespace lora {

struct OutputOptions {
  int32_t max_new_tokens = 1;
  // The model's end tokens and the request's; they end the answer and are not
  // part of it.
  absl::flat_hash_set<int32_t> end_token_ids;
  std::vector<std::string> stop;
  bool with_logprobs = false;
};

// Turns one sequence's sampled tokens into what its caller sees: text that
// never splits a character and ends before a stop string, and the tokens that
// lie wholly in that text. What may still become part of a stop string is held
// back.
//
// Not thread-safe: engine thread only. The tokenizer must outlive it.
class OutputState {
 public:
  OutputState(const Tokenizer& tokenizer, OutputOptions options);

  // Takes the next sampled token. Requires !finished().
  void Append(TokenLogprobs token);

  // What became certain since the last call.
  GenerationDelta TakeDelta();

  bool finished() const { return reason_.has_value(); }
  // The next two require finished().
  FinishReason reason() const { return *reason_; }
  const std::string& stop_match() const { return stop_match_; }
  // Every token that was appended.
  int32_t completion_tokens() const { return completion_tokens_; }

 private:
  // A token whose text is not published yet. `text_end` is where it ends in
  // the whole text; unset while the detokenizer holds back its bytes, or those
  // before it. A token without text ends where the one before it does: it has
  // no part in what follows.
  struct HeldToken {
    TokenLogprobs token;
    std::optional<size_t> text_end;
  };

  void Detokenize(int32_t id);
  void EndTokens(size_t num_open);
  bool EndAtStopString();
  void PublishUpTo(size_t text_end);
  void Finish(FinishReason reason);

  const OutputOptions options_;
  const StopMatcher stops_;
  IncrementalDetokenizer detokenizer_;
  std::string held_text_;     // Not published.
  size_t published_end_ = 0;  // Where held_text_ begins in the whole text.
  size_t num_searched_ = 0;   // Of held_text_, by the stop matcher.
  std::deque<HeldToken> held_tokens_;
  GenerationDelta delta_;
  int32_t completion_tokens_ = 0;
  std::optional<FinishReason> reason_;
  std::string stop_match_;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_OUTPUT_STATE_H_
