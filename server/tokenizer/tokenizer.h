// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_TOKENIZER_H_
#define LORA_SERVER_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/tokenizer/chat_template.h"
#include "server/tokenizer/decoder.h"

namespace lora {

struct TokenizerParts;

// Whether encoding puts the model's begin and end tokens around the text.
enum class SpecialTokens { kNone, kAdd };
// Whether decoding leaves out special tokens.
enum class SkipSpecial { kNo, kYes };

// A model's tokenizer: text to token ids and back, as the `tokenizers` library
// of Python does it from the same files; a tokenizer_class that would build
// another pipeline counts for nothing (docs/adr/0010).
//
// Immutable and thread-safe.
class Tokenizer {
 public:
  // Reads tokenizer.json of `directory` and, where they exist,
  // tokenizer_config.json, special_tokens_map.json, chat_template.jinja and
  // additional_chat_templates/tool_use.jinja. A chat template that cannot be
  // used is no error here: RenderChat reports it.
  //
  // NOT_FOUND (BASE): no tokenizer.json. UNIMPLEMENTED (BASE_FEATURE): a
  // component of a type that this server does not have, named in the message.
  // INVALID_ARGUMENT (BASE): malformed.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Load(
      const std::string& directory);

  ~Tokenizer();

  // The token ids of `text`. Special tokens that are written in the text are
  // recognised.
  //
  // INVALID_ARGUMENT (INPUT): not UTF-8, longer than 256 MiB, or it has a
  // character that the vocabulary cannot express.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text,
                                              SpecialTokens special) const;

  // The text of `ids`; ids that no token has are left out.
  std::string Decode(absl::Span<const int32_t> ids, SkipSpecial skip) const;

  // The entry of the vocabulary, as it is spelt there; "" for no token.
  std::string Piece(int32_t id) const;
  bool IsSpecial(int32_t id) const;
  std::optional<int32_t> TokenId(absl::string_view token) const;
  // The largest token id plus one, added tokens included.
  int32_t vocab_size() const;

  // The default one; nullptr: the model has none.
  const ChatTemplate* chat_template() const;

  // The prompt of a conversation. Where the model has a template named
  // "tool_use", it renders the requests whose `template_kwargs` have tools,
  // even an empty list of them, as in transformers. Encode the prompt with
  // SpecialTokens::kNone: the template writes the special tokens itself.
  //
  // FAILED_PRECONDITION (CHAT_TEMPLATE): the model has no chat template.
  // Otherwise as ChatTemplate::Render.
  absl::StatusOr<std::string> RenderChat(const ChatRequest& request) const;

 private:
  friend class IncrementalDetokenizer;

  explicit Tokenizer(TokenizerParts parts);

  // What the decoder is given for `id`; nullopt for a token that is left out.
  std::optional<absl::string_view> DecoderInput(int32_t id,
                                                SkipSpecial skip) const;
  DecodeStream StartDecoding(ByteRuns byte_runs) const;

  const std::unique_ptr<const TokenizerParts> parts_;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_TOKENIZER_H_
