// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_PRE_TOKENIZER_H_
#define LORA_SERVER_TOKENIZER_PRE_TOKENIZER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/json.h"

namespace lora {

// A run of text that later steps treat on its own.
struct TextPiece {
  std::string text;
  // Whether this is where the whole input begins: Metaspace may ask.
  bool begins_input = false;
};

// Cuts pieces into words, which the model tokenizes one by one. Immutable and
// thread-safe.
class PreTokenizer {
 public:
  // The pre-tokenizer that `spec` ("pre_tokenizer" of tokenizer.json)
  // describes: ByteLevel, Split, Metaspace, Digits, Whitespace,
  // WhitespaceSplit or a Sequence of them; null leaves pieces whole.
  //
  // UNIMPLEMENTED (BASE_FEATURE): another type, named in the message.
  // INVALID_ARGUMENT (BASE): malformed.
  static absl::StatusOr<std::unique_ptr<const PreTokenizer>> Parse(
      const Json& spec);

  virtual ~PreTokenizer() = default;

  // Cuts each piece, valid UTF-8; empty pieces are dropped.
  //
  // INVALID_ARGUMENT (INPUT): a regular expression gave up on the text.
  virtual absl::StatusOr<std::vector<TextPiece>> Cut(
      std::vector<TextPiece> pieces) const = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_PRE_TOKENIZER_H_
