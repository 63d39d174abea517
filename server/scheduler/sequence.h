// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_SCHEDULER_SEQUENCE_H_
#define LORA_SERVER_SCHEDULER_SEQUENCE_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/adapter/adapter_lease.h"
#include "server/adapter/execution_pins.h"
#include "server/base/ids.h"
#include "server/scheduler/block_allocator.h"
#include "server/scheduler/prefix_key.h"

namespace lora {

// What a request asks of the scheduler; fixed at Enqueue.
struct SequenceSpec {
  SequenceId id;
  std::vector<int32_t> prompt;  // At least one token.
  int32_t max_new_tokens = 1;
  PathPreference path = PathPreference::kAuto;
  std::vector<AdapterLease> leases;
  // In canonical order (by key).
  std::vector<WeightedKey> adapters;
  // Keys and values of the first positions that other sequences may share.
  // Less than the context where they depend on the prompt's length (dynamic
  // RoPE beyond the trained context).
  int32_t max_shared_tokens = std::numeric_limits<int32_t>::max();
};

// A request in flight. Owns all that the request holds — leases, device pins
// and KV blocks — so destroying it gives everything back: cancel, deadline,
// error and finish are all "destroy it".
//
// Not thread-safe: engine thread only.
class Sequence {
 public:
  Sequence(SequenceSpec spec, BlockAllocator* allocator);

  SequenceId id() const { return spec_.id; }
  const SequenceSpec& spec() const { return spec_; }
  absl::Span<const WeightedKey> adapters() const { return *adapters_; }
  const AdapterSet& adapter_set() const { return adapters_; }
  // Sequences with one lane share a place in the fair queue.
  const std::string& lane() const { return lane_; }

  // Prompt, then output.
  const std::vector<int32_t>& token_ids() const { return token_ids_; }
  int32_t num_tokens() const { return static_cast<int32_t>(token_ids_.size()); }
  int32_t num_prompt_tokens() const {
    return static_cast<int32_t>(spec_.prompt.size());
  }
  // Tokens whose keys and values are in the cache.
  int32_t num_computed() const { return num_computed_; }
  int32_t num_uncomputed() const { return num_tokens() - num_computed_; }
  // Of the prompt, at the first admission.
  int32_t num_cached_prompt_tokens() const { return num_cached_; }

  std::optional<ExecutionPath> path() const { return path_; }
  const ExecutionPins& pins() const { return pins_; }
  const BlockTable& blocks() const { return blocks_; }
  std::optional<absl::Time> first_admission_time() const {
    return admission_time_;
  }
  // How long the first admission waited for adapters to become resident.
  absl::Duration pin_wait() const {
    if (!admission_time_.has_value() || !pin_wait_begin_.has_value()) {
      return absl::ZeroDuration();
    }
    return *admission_time_ - *pin_wait_begin_;
  }

  // Since when its weights have waited for room that others pin.
  std::optional<absl::Time> room_wait_begin() const { return room_wait_begin_; }
  // What it waits for since the last AwaitPins; null: nothing.
  const WeightsFetch* awaited() const { return awaited_.get(); }

  // Resolves the path, again where its weights cannot be had; not after the
  // first admission, so it is kept through preemption. `model_tag` is hashed
  // into the keys of the sequence's blocks.
  void SetPath(ExecutionPath path, absl::string_view model_tag);

  // Records that admission was tried and what it has to wait for.
  void AwaitPins(PinsAwaited awaited, absl::Time now);
  // Records that its pins can be had.
  void EndPinWait();

  // How many of the blocks that Admit would find cached others use now: they
  // take no room. Requires a path.
  int32_t CountBlocksInUse(const BlockAllocator& allocator);

  // Starts running: takes the pins and every block of the prefix that is
  // cached. The last token is always computed, since its logits are needed.
  void Admit(ExecutionPins pins, absl::Time now);

  // Stops running: gives pins and blocks back; tokens stay, to be recomputed.
  void Preempt();

  // Makes room for the keys and values of the first `num_tokens` tokens.
  bool ReserveBlocks(int32_t num_tokens) { return blocks_.Extend(num_tokens); }

  // Records that positions below `num_computed` are in the cache, and lets
  // others find the blocks that became full. Returns how many positions were
  // computed for the first time.
  int32_t MarkComputed(int32_t num_computed, BlockAllocator& allocator);

  void AppendToken(int32_t token_id) { token_ids_.push_back(token_id); }

 private:
  // Leading blocks that may be another's: the last token is always computed.
  int32_t num_sharable_blocks() const;
  // The key of block `index`, which must be full of known tokens.
  const PrefixKey& BlockKey(int32_t index);

  SequenceSpec spec_;
  AdapterSet adapters_;
  std::string lane_;
  std::vector<int32_t> token_ids_;
  int32_t block_size_;
  int32_t num_computed_ = 0;
  int32_t most_computed_ = 0;  // Before preemptions too.
  int32_t num_published_blocks_ = 0;
  int32_t num_cached_ = 0;
  std::optional<absl::Time> admission_time_;
  std::optional<absl::Time> pin_wait_begin_;  // Of the first admission.
  std::optional<absl::Time> room_wait_begin_;
  std::shared_ptr<const WeightsFetch> awaited_;
  std::optional<ExecutionPath> path_;
  std::optional<PrefixHasher> hasher_;
  std::vector<PrefixKey> block_keys_;
  // Destroyed before the leases in spec_.
  ExecutionPins pins_;
  BlockTable blocks_;
};

}  // namespace lora

#endif  // LORA_SERVER_SCHEDULER_SEQUENCE_H_
