// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_BPE_MODEL_H_
#define LORA_SERVER_TOKENIZER_BPE_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"
#include "server/tokenizer/bpe_merges.h"

namespace lora {

class SpecReader;

// A byte-pair-encoding vocabulary with its merges (Sennrich et al. 2016,
// arXiv:1508.07909, section 3.2), over bytes or over characters.
//
// Tokenizing costs O(n log n) in the length of a word. Immutable and
// thread-safe.
class BpeModel {
 public:
  // The model that `spec` ("model" of tokenizer.json) describes.
  //
  // UNIMPLEMENTED (BASE_FEATURE): another type, named in the message.
  // INVALID_ARGUMENT (BASE): malformed; a merge whose parts or result are not
  // in the vocabulary.
  static absl::StatusOr<std::unique_ptr<const BpeModel>> Parse(
      const Json& spec);

  // Appends the tokens of `word`, valid UTF-8, to `ids`. `workspace` saves
  // allocations from word to word.
  //
  // INVALID_ARGUMENT (INPUT): a character is unknown and the vocabulary lacks
  // the model's own token for that; `ids` is unchanged.
  absl::Status Tokenize(absl::string_view word, BpeWorkspace& workspace,
                        std::vector<int32_t>& ids) const;

  std::optional<int32_t> TokenId(absl::string_view token) const;
  // The token of `id`; nullopt where no token has it.
  std::optional<absl::string_view> Token(int32_t id) const;

  // The number of tokens, which is at most max_id() + 1.
  int32_t num_tokens() const { return static_cast<int32_t>(ids_.size()); }
  // -1 for an empty vocabulary.
  int32_t max_id() const { return static_cast<int32_t>(tokens_.size()) - 1; }

 private:
  // What stands for a character that the vocabulary lacks.
  struct UnknownRule {
    std::optional<std::string> token;
    std::optional<int32_t> id;
    bool fuse = false;
    // The tokens <0x00> to <0xFF>; empty without byte fallback.
    std::vector<std::optional<int32_t>> bytes;
  };

  BpeModel() = default;

  absl::Status ReadOptions(const SpecReader& reader);
  absl::Status ReadVocabulary(const SpecReader& reader);
  absl::Status ReadMerges(const SpecReader& reader);
  absl::Status AddMerge(absl::string_view left, absl::string_view right,
                        int32_t rank);
  absl::Status InitUnknownRule(const SpecReader& reader);

  // Fills `workspace` with the word's characters.
  absl::Status SplitCharacters(absl::string_view word,
                               BpeWorkspace& workspace) const;
  bool AppendBytes(absl::string_view character, BpeWorkspace& workspace) const;

  absl::flat_hash_map<std::string, int32_t> ids_;
  // By id; empty strings where no token has the id.
  std::vector<std::string> tokens_;
  BpeMerges merges_;
  UnknownRule unknown_;
  std::string continuing_subword_prefix_;
  std::string end_of_word_suffix_;
  bool ignore_merges_ = false;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_BPE_MODEL_H_
