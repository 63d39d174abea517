// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_BPE_MERGES_H_
#define LORA_SERVER_TOKENIZER_BPE_MERGES_H_

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace lora {

// The state of one word while it is merged; reused from word to word. Not
// thread-safe.
class BpeWorkspace {
 public:
  void Clear() { symbols_.clear(); }
  // Adds a token at the end of the word.
  void Append(int32_t id);
  // Appends the tokens that are left to `ids`.
  void CopyTo(std::vector<int32_t>& ids) const;

 private:
  friend class BpeMerges;

  // Tokens form a doubly linked list through the array they began in.
  struct Symbol {
    int32_t id;  // kMerged: joined into the one before.
    int32_t previous;
    int32_t next;
  };
  struct Candidate {
    int32_t rank;
    int32_t position;
    int32_t result;

    // The order of a heap with the first merge on top.
    static bool Later(const Candidate& a, const Candidate& b) {
      return std::tie(a.rank, a.position) > std::tie(b.rank, b.position);
    }
  };
  static constexpr int32_t kMerged = -1;
  static constexpr int32_t kEnd = -1;

  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;  // A heap: the lowest rank on top.
};

// The merges of a BPE vocabulary in the order in which they were learnt.
// Thread-safe once built.
class BpeMerges {
 public:
  void Reserve(size_t num_merges) { merges_.reserve(num_merges); }
  // Lets `left` and `right` become `result`; a later merge of the same pair
  // replaces an earlier one.
  void Add(int32_t left, int32_t right, int32_t rank, int32_t result);

  // Applies merges to the word: always the one of lowest rank, and of equal
  // ones the leftmost, until none applies. O(n log n).
  void Apply(BpeWorkspace& workspace) const;

 private:
  struct Merge {
    int32_t rank;
    int32_t result;
  };

  const Merge* Find(int32_t left, int32_t right) const;
  void Push(int32_t position, BpeWorkspace& workspace) const;

  absl::flat_hash_map<std::pair<int32_t, int32_t>, Merge> merges_;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_BPE_MERGES_H_
