// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_DECODER_H_
#define LORA_SERVER_TOKENIZER_DECODER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"
#include "server/tokenizer/decoder_step.h"

namespace lora {

// One text in the making: tokens go in, text that no later token can change
// comes out, always in whole characters. Not thread-safe; the decoder must
// outlive it.
class DecodeStream {
 public:
  DecodeStream(DecodeStream&&) noexcept;
  DecodeStream& operator=(DecodeStream&&) noexcept;
  ~DecodeStream();

  // Appends what `token` makes certain to `text`.
  void Append(absl::string_view token, std::string& text);
  // Whether text is held back until a later token has come.
  bool HoldsText() const;
  // Appends what was held back. The last call on the object.
  void Finish(std::string& text);

 private:
  friend class Decoder;
  class Output;

  DecodeStream();

  std::unique_ptr<Output> output_;
  // Last to first; each points to the step after it, the last to the output.
  std::vector<std::unique_ptr<PieceSink>> steps_;
  PieceSink* first_;
};

// Turns tokens back into text. Immutable and thread-safe.
class Decoder {
 public:
  // The decoder that `spec` ("decoder" of tokenizer.json) describes:
  // ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace or a Sequence of
  // them; null puts a space between tokens.
  //
  // UNIMPLEMENTED (BASE_FEATURE): another type, named in the message.
  // INVALID_ARGUMENT (BASE): malformed.
  static absl::StatusOr<Decoder> Parse(const Json& spec);

  // A stream for one text. With ByteRuns::kWhole its text is exactly the
  // batch decoding of its tokens.
  DecodeStream Start(ByteRuns byte_runs) const;

 private:
  Decoder() = default;

  absl::Status AddSteps(const Json& spec);

  std::vector<std::unique_ptr<const DecoderStep>> steps_;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_DECODER_H_
