// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_INCREMENTAL_DETOKENIZER_H_
#define LORA_SERVER_TOKENIZER_INCREMENTAL_DETOKENIZER_H_

#include <cstdint>
#include <string>

#include "server/tokenizer/decoder.h"
#include "server/tokenizer/tokenizer.h"

namespace lora {

// Decodes a stream of tokens as they are generated.
//
// The texts it returns, joined, are Tokenizer::Decode of all tokens, and each
// is whole characters: what a later token could still change is held back.
// One exception: where byte tokens (<0x41>) break off inside a character, the
// batch also gives up the whole characters of that run; a stream has shown
// them by then. Constant work per token.
//
// Not thread-safe. The tokenizer must outlive it.
class IncrementalDetokenizer {
 public:
  explicit IncrementalDetokenizer(const Tokenizer& tokenizer,
                                  SkipSpecial skip = SkipSpecial::kYes);

  // Takes the next token and returns the text that is now certain, often "".
  std::string Append(int32_t id);

  // Whether text of the tokens so far is held back: the last one's, and where
  // it has made no text certain, perhaps that of some before it.
  bool HoldsText() const { return stream_.HoldsText(); }

  // The text that was held back, at the end of the stream. The last call on
  // the object.
  std::string Flush();

 private:
  const Tokenizer& tokenizer_;
  const SkipSpecial skip_;
  DecodeStream stream_;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_INCREMENTAL_DETOKENIZER_H_
