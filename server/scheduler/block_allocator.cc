// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/block_allocator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lora {

BlockAllocator::BlockAllocator(int32_t num_blocks, int32_t block_size)
    : block_size_(block_size), blocks_(num_blocks) {
  free_.reserve(num_blocks);
  // Handed out from the back: the lowest ids first.
  for (int32_t id = num_blocks - 1; id >= 0; --id) free_.push_back(id);
}

int32_t BlockAllocator::num_available() const {
  return static_cast<int32_t>(free_.size() + cached_.size());
}

std::optional<int32_t> BlockAllocator::Allocate() {
  if (free_.empty()) {
    if (cached_.empty()) return std::nullopt;
    Forget(cached_.front());
  }
  const int32_t id = free_.back();
  free_.pop_back();
  blocks_[id].references = 1;
  return id;
}

std::optional<int32_t> BlockAllocator::Find(const PrefixKey& key) {
  const auto it = block_by_key_.find(key);
  if (it == block_by_key_.end()) return std::nullopt;
  Block& block = blocks_[it->second];
  if (block.references++ == 0) cached_.erase(block.lru);
  return it->second;
}

std::optional<int32_t> BlockAllocator::Peek(const PrefixKey& key) const {
  const auto it = block_by_key_.find(key);
  if (it == block_by_key_.end()) return std::nullopt;
  return it->second;
}

void BlockAllocator::Release(int32_t id) {
  Block& block = blocks_[id];
  if (--block.references > 0) return;
  if (block.key.has_value()) {
    block.lru = cached_.insert(cached_.end(), id);
  } else {
    free_.push_back(id);
  }
}

void BlockAllocator::Publish(int32_t id, PrefixKey key, AdapterSet adapters) {
  Block& block = blocks_[id];
  if (block.key.has_value()) return;
  if (!block_by_key_.try_emplace(key, id).second) return;
  block.key = std::move(key);
  block.adapters = std::move(adapters);
}

void BlockAllocator::ForgetAdapter(const AdapterKey& adapter) {
  for (int32_t id = 0; id < num_blocks(); ++id) {
    const Block& block = blocks_[id];
    if (!block.key.has_value() || block.adapters == nullptr) continue;
    for (const WeightedKey& used : *block.adapters) {
      if (used.key == adapter) {
        Forget(id);
        break;
      }
    }
  }
}

// Drops the content of a block; one that nobody uses becomes free.
void BlockAllocator::Forget(int32_t id) {
  Block& block = blocks_[id];
  block_by_key_.erase(*block.key);
  block.key.reset();
  block.adapters.reset();
  if (block.references == 0) {
    cached_.erase(block.lru);
    free_.push_back(id);
  }
}

absl::Status BlockAllocator::CheckIntegrity() const {
  int32_t in_use = 0;
  size_t cached = 0;
  size_t keyed = 0;
  for (int32_t id = 0; id < num_blocks(); ++id) {
    const Block& block = blocks_[id];
    if (block.references < 0) {
      return absl::InternalError(
          absl::StrCat("block ", id, " has negative references"));
    }
    if (block.references > 0) ++in_use;
    if (!block.key.has_value()) continue;
    ++keyed;
    if (block.references == 0) ++cached;
    const auto it = block_by_key_.find(*block.key);
    if (it == block_by_key_.end() || it->second != id) {
      return absl::InternalError(
          absl::StrCat("the content of block ", id, " is not in the map"));
    }
  }
  if (cached != cached_.size() || keyed != block_by_key_.size() ||
      in_use != num_in_use()) {
    return absl::InternalError(
        absl::StrCat("counts differ: in use ", in_use, "/", num_in_use(),
                     ", cached ", cached, "/", cached_.size(), ", keyed ",
                     keyed, "/", block_by_key_.size()));
  }
  return absl::OkStatus();
}

BlockTable::BlockTable(BlockTable&& other) noexcept
    : allocator_(other.allocator_), ids_(std::move(other.ids_)) {
  other.ids_.clear();
}

BlockTable& BlockTable::operator=(BlockTable&& other) noexcept {
  if (this != &other) {
    Clear();
    allocator_ = other.allocator_;
    ids_ = std::move(other.ids_);
    other.ids_.clear();
  }
  return *this;
}

int32_t BlockTable::BlocksMissingFor(int32_t num_tokens) const {
  const int32_t size = allocator_->block_size();
  const int32_t needed = (num_tokens + size - 1) / size;
  return needed > num_blocks() ? needed - num_blocks() : 0;
}

int32_t BlockTable::num_exclusive() const {
  return static_cast<int32_t>(std::count_if(
      ids_.begin(), ids_.end(),
      [this](int32_t id) { return allocator_->num_references(id) == 1; }));
}

bool BlockTable::Extend(int32_t num_tokens) {
  const int32_t missing = BlocksMissingFor(num_tokens);
  if (missing > allocator_->num_available()) return false;
  for (int32_t i = 0; i < missing; ++i) ids_.push_back(*allocator_->Allocate());
  return true;
}

bool BlockTable::ExtendFromCache(const PrefixKey& key) {
  const std::optional<int32_t> id = allocator_->Find(key);
  if (id.has_value()) ids_.push_back(*id);
  return id.has_value();
}

void BlockTable::Clear() {
  // The last block first: it is the first to be evicted, so that what stays
  // cached is a usable prefix.
  for (auto it = ids_.rbegin(); it != ids_.rend(); ++it) {
    allocator_->Release(*it);
  }
  ids_.clear();
}

}  // namespace lora
