// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_TOKENIZER_PARTS_H_
#define LORA_SERVER_TOKENIZER_TOKENIZER_PARTS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/tokenizer/added_tokens.h"
#include "server/tokenizer/bpe_model.h"
#include "server/tokenizer/chat_template.h"
#include "server/tokenizer/decoder.h"
#include "server/tokenizer/normalizer.h"
#include "server/tokenizer/post_processor.h"
#include "server/tokenizer/pre_tokenizer.h"

namespace lora {

// The steps of a tokenizer, in the order in which a text passes them.
struct TokenizerParts {
  // Reads the files of `directory`. Errors as Tokenizer::Load.
  static absl::StatusOr<TokenizerParts> Load(const std::string& directory);

  std::unique_ptr<const Normalizer> normalizer;
  AddedTokens added_tokens;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const BpeModel> model;
  PostProcessor post_processor;
  Decoder decoder;
  // Either may be null.
  std::unique_ptr<const ChatTemplate> chat_template;
  std::unique_ptr<const ChatTemplate> tool_use_template;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_TOKENIZER_PARTS_H_
