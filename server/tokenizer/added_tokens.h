// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_ADDED_TOKENS_H_
#define LORA_SERVER_TOKENIZER_ADDED_TOKENS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"
#include "server/tokenizer/normalizer.h"
#include "server/tokenizer/pre_tokenizer.h"
#include "server/tokenizer/token_trie.h"

namespace lora {

// A token that is found in the text before the model sees it.
struct AddedToken {
  // Reads {"content", "single_word", "lstrip", "rstrip", "normalized",
  // "special"}; absent flags are false, except that `normalized` is the
  // opposite of `special`. The id is left 0.
  //
  // INVALID_ARGUMENT (BASE): malformed.
  static absl::StatusOr<AddedToken> Parse(const Json& spec);

  int32_t id = 0;
  std::string content;
  bool single_word = false;  // Only where no word character is next to it.
  bool lstrip = false;       // Takes the white space before it with it.
  bool rstrip = false;       // Takes the white space after it with it.
  bool normalized = false;   // Searched in normalized text, else in the raw.
  bool special = false;      // Left out by decoding with SkipSpecial::kYes.
};

// A run of the input: text to tokenize, or an added token.
struct InputPart {
  TextPiece piece;
  std::optional<int32_t> token_id;
};

// The added tokens of a tokenizer. Immutable and thread-safe.
class AddedTokens {
 public:
  // `normalizer` is that of Split.
  //
  // INVALID_ARGUMENT (INPUT): it fails on a token.
  static absl::StatusOr<AddedTokens> Build(std::vector<AddedToken> tokens,
                                           const Normalizer& normalizer);

  // Cuts `text`, valid UTF-8, at the tokens found in it as it is, normalizes
  // the rest and cuts that at the tokens searched in normalized text.
  //
  // INVALID_ARGUMENT (INPUT): `normalizer` gives up on the text.
  absl::StatusOr<std::vector<InputPart>> Split(
      absl::string_view text, const Normalizer& normalizer) const;

  // nullptr: no added token has this id, or this content.
  const AddedToken* Find(int32_t id) const;
  const AddedToken* Find(absl::string_view content) const;

  // What a decoder is given for `token`: its normalized content if it is
  // searched in normalized text.
  absl::string_view DecoderInput(const AddedToken& token) const;

  // -1 without tokens.
  int32_t max_id() const;

 private:
  AddedTokens() = default;

  // Cuts `piece` at the tokens of `trie` into `parts`.
  void Cut(const TextPiece& piece, const TokenTrie& trie,
           std::vector<InputPart>& parts) const;

  std::vector<AddedToken> tokens_;
  std::vector<std::string> decoder_inputs_;  // By index, as tokens_.
  absl::flat_hash_map<int32_t, int32_t> index_by_id_;
  absl::flat_hash_map<std::string, int32_t> index_by_content_;
  // Values are indices into tokens_.
  TokenTrie raw_;
  TokenTrie normalized_;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_ADDED_TOKENS_H_
