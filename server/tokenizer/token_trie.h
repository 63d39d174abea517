// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_TOKEN_TRIE_H_
#define LORA_SERVER_TOKENIZER_TOKEN_TRIE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace lora {

// A set of strings, each with a value, that finds the leftmost and of equal
// begins the longest of them in a text. Thread-safe once built.
class TokenTrie {
 public:
  struct Match {
    size_t begin;
    size_t end;
    int32_t value;
  };

  TokenTrie();

  // Adds `text`; an empty one is left out, and of equal ones the first stays.
  void Add(absl::string_view text, int32_t value);

  // The first match that begins at `from` or later.
  std::optional<Match> Find(absl::string_view text, size_t from) const;

 private:
  std::optional<Match> LongestAt(absl::string_view text, size_t begin) const;

  // (node << 8 | byte) to node; node 0 is the root.
  absl::flat_hash_map<uint64_t, int32_t> edges_;
  std::vector<std::optional<int32_t>> values_;  // By node.
  std::array<bool, 256> begins_{};              // By first byte.
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_TOKEN_TRIE_H_
