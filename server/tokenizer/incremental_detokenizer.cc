// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/incremental_detokenizer.h"

namespace lora {

IncrementalDetokenizer::IncrementalDetokenizer(const Tokenizer& tokenizer,
                                               SkipSpecial skip)
    : tokenizer_(tokenizer),
      skip_(skip),
      stream_(tokenizer.StartDecoding(ByteRuns::kEager)) {}

std::string IncrementalDetokenizer::Append(int32_t id) {
  std::string text;
  if (const auto token = tokenizer_.DecoderInput(id, skip_)) {
    stream_.Append(*token, text);
  }
  return text;
}

std::string IncrementalDetokenizer::Flush() {
  std::string text;
  stream_.Finish(text);
  return text;
}

}  // namespace lora
