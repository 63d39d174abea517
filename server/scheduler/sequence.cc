// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/sequence.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"

namespace lora {
namespace {

std::string LaneOf(absl::Span<const WeightedKey> adapters) {
  std::string lane;
  for (const WeightedKey& adapter : adapters) {
    absl::StrAppend(&lane, adapter.key.id.value(), "/");
  }
  return lane;
}

}  // namespace

Sequence::Sequence(SequenceSpec spec, BlockAllocator* allocator)
    : spec_(std::move(spec)),
      adapters_(std::make_shared<const std::vector<WeightedKey>>(
          std::move(spec_.adapters))),
      lane_(LaneOf(*adapters_)),
      token_ids_(spec_.prompt),
      block_size_(allocator->block_size()),
      blocks_(allocator) {}

void Sequence::SetPath(ExecutionPath path, absl::string_view model_tag) {
  path_ = path;
  EndPinWait();  // Its weights are others now.
  hasher_.emplace(model_tag, path, *adapters_);
  block_keys_.clear();  // They name the content of the other path.
}

void Sequence::AwaitPins(PinsAwaited awaited, absl::Time now) {
  if (!admission_time_.has_value() && !pin_wait_begin_.has_value()) {
    pin_wait_begin_ = now;
  }
  if (awaited.wait != PinWait::kRoom) {
    room_wait_begin_.reset();
  } else if (!room_wait_begin_.has_value()) {
    room_wait_begin_ = now;
  }
  awaited_ = std::move(awaited.fetch);
}

void Sequence::EndPinWait() {
  room_wait_begin_.reset();
  awaited_.reset();
}

int32_t Sequence::num_sharable_blocks() const {
  return std::min(num_tokens() - 1, spec_.max_shared_tokens) / block_size_;
}

int32_t Sequence::CountBlocksInUse(const BlockAllocator& allocator) {
  int32_t in_use = 0;
  for (int32_t i = 0; i < num_sharable_blocks(); ++i) {
    const std::optional<int32_t> block = allocator.Peek(BlockKey(i));
    if (!block.has_value()) break;
    if (allocator.num_references(*block) > 0) ++in_use;
  }
  return in_use;
}

void Sequence::Admit(ExecutionPins pins, absl::Time now) {
  EndPinWait();
  pins_ = std::move(pins);
  for (int32_t i = 0; i < num_sharable_blocks(); ++i) {
    if (!blocks_.ExtendFromCache(BlockKey(i))) break;
  }
  num_computed_ = blocks_.num_blocks() * block_size_;
  num_published_blocks_ = blocks_.num_blocks();
  if (!admission_time_.has_value()) {
    admission_time_ = now;
    num_cached_ = num_computed_;
  }
}

void Sequence::Preempt() {
  pins_ = ExecutionPins();
  blocks_.Clear();
  num_computed_ = 0;
  num_published_blocks_ = 0;
}

int32_t Sequence::MarkComputed(int32_t num_computed,
                               BlockAllocator& allocator) {
  const int32_t known = std::max(num_computed_, most_computed_);
  num_computed_ = num_computed;
  most_computed_ = std::max(known, num_computed);
  const int32_t sharable = std::min(num_computed_, spec_.max_shared_tokens);
  while ((num_published_blocks_ + 1) * block_size_ <= sharable) {
    allocator.Publish(blocks_.ids()[num_published_blocks_],
                      BlockKey(num_published_blocks_), adapters_);
    ++num_published_blocks_;
  }
  return most_computed_ - known;
}

const PrefixKey& Sequence::BlockKey(int32_t index) {
  while (static_cast<int32_t>(block_keys_.size()) <= index) {
    const size_t begin = block_keys_.size() * block_size_;
    block_keys_.push_back(hasher_->Next(
        absl::MakeConstSpan(token_ids_).subspan(begin, block_size_)));
  }
  return block_keys_[index];
}

}  // namespace lora
