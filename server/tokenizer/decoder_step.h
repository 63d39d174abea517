// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_DECODER_STEP_H_
#define LORA_SERVER_TOKENIZER_DECODER_STEP_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"

namespace lora {

// Receives a sequence of tokens, each as one or more chunks of whole UTF-8
// characters.
class PieceSink {
 public:
  virtual ~PieceSink() = default;
  virtual void Text(absl::string_view chunk) = 0;
  virtual void EndToken() = 0;
  // After the last token.
  virtual void Finish() = 0;
  // Whether it keeps text back whose fate a later token decides.
  virtual bool HoldsText() const { return false; }
};

// When the text of byte tokens (<0x41>) is passed on. The library decodes a
// run of them together: one bad byte makes all of the run U+FFFD.
enum class ByteRuns {
  kWhole,  // At the end of the run: exact.
  kEager,  // Character by character: what a stream can show.
};

// One step of a decoder, as a factory of its state for one text. Immutable and
// thread-safe.
class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  // The step's state; it passes its tokens to `next`, which outlives it.
  virtual std::unique_ptr<PieceSink> Start(PieceSink* next,
                                           ByteRuns byte_runs) const = 0;
};

// The step of a "decoder" object that is not a Sequence. Errors as
// Decoder::Parse.
absl::StatusOr<std::unique_ptr<const DecoderStep>> ParseDecoderStep(
    const Json& spec);

// The step of tokenizers without a decoder: a space between tokens.
std::unique_ptr<const DecoderStep> MakeSpaceJoinStep();

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_DECODER_STEP_H_
