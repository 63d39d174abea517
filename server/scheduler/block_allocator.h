// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_SCHEDULER_BLOCK_ALLOCATOR_H_
#define LORA_SERVER_SCHEDULER_BLOCK_ALLOCATOR_H_

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/scheduler/prefix_key.h"

namespace lora {

// The adapters whose keys and values a block holds; shared by its sequence.
using AdapterSet = std::shared_ptr<const std::vector<WeightedKey>>;

// Hands out fixed-size blocks of the KV cache by id, and remembers the content
// of full ones; owns no tensor memory.
//
// A block is *in use* (referenced by one or more sequences), *cached* (nobody
// uses it, its content has a key and may be found again) or *free*. Free blocks
// are taken first, then cached ones, the longest unused first.
//
// Not thread-safe: engine thread only.
class BlockAllocator {
 public:
  BlockAllocator(int32_t num_blocks, int32_t block_size);

  int32_t num_blocks() const { return static_cast<int32_t>(blocks_.size()); }
  int32_t block_size() const { return block_size_; }
  // Blocks that Allocate can still hand out: free and cached.
  int32_t num_available() const;
  int32_t num_in_use() const { return num_blocks() - num_available(); }

  // A block with one reference, or nullopt when all are in use.
  std::optional<int32_t> Allocate();

  // The block that holds the content of `key`, with one more reference.
  std::optional<int32_t> Find(const PrefixKey& key);

  // The same block, as it is.
  std::optional<int32_t> Peek(const PrefixKey& key) const;

  int32_t num_references(int32_t block) const {
    return blocks_[block].references;
  }

  // Drops one reference; the last makes the block cached or free.
  void Release(int32_t block);

  // Says that `block`, in use and full, holds the content of `key`. Does
  // nothing when another block already does.
  void Publish(int32_t block, PrefixKey key, AdapterSet adapters);

  // Forgets every content that was made with `adapter`; blocks in use stay.
  void ForgetAdapter(const AdapterKey& adapter);

  // INTERNAL: an invariant of the lists, the map or the counts is broken.
  absl::Status CheckIntegrity() const;

 private:
  struct Block {
    int32_t references = 0;
    std::optional<PrefixKey> key;
    AdapterSet adapters;  // Of the content; null without a key.
    // Valid iff cached: references == 0 and key.
    std::list<int32_t>::iterator lru = {};
  };

  void Forget(int32_t block);

  const int32_t block_size_;
  std::vector<Block> blocks_;
  std::vector<int32_t> free_;
  std::list<int32_t> cached_;  // The longest unused first.
  absl::flat_hash_map<PrefixKey, int32_t> block_by_key_;
};

// The blocks of one sequence, in order of position; gives them back when
// destroyed. Move-only. Must not outlive the allocator.
class BlockTable {
 public:
  explicit BlockTable(BlockAllocator* allocator) : allocator_(allocator) {}
  BlockTable(BlockTable&& other) noexcept;
  BlockTable& operator=(BlockTable&& other) noexcept;
  ~BlockTable() { Clear(); }

  absl::Span<const int32_t> ids() const { return ids_; }
  int32_t num_blocks() const { return static_cast<int32_t>(ids_.size()); }

  // Blocks that Extend would have to allocate.
  int32_t BlocksMissingFor(int32_t num_tokens) const;

  // Blocks that nobody shares: Clear makes them available.
  int32_t num_exclusive() const;

  // Extends the table to hold `num_tokens`. Returns false, and changes
  // nothing, when too few blocks are available.
  bool Extend(int32_t num_tokens);

  // Appends the block of `key` if its content is cached.
  bool ExtendFromCache(const PrefixKey& key);

  void Clear();

 private:
  BlockAllocator* allocator_;
  std::vector<int32_t> ids_;
};

}  // namespace lora

#endif  // LORA_SERVER_SCHEDULER_BLOCK_ALLOCATOR_H_
