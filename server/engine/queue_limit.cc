// SPDX-License-Identifier: Apache-2.0
#include "server/engine/queue_limit.h"

#include <algorithm>

namespace lora {

bool QueueLimit::HasRoom(const std::vector<AdapterId>& adapters) const {
  if (num_queued_ < max_queued_) return true;
  if (num_queued_ >= 2 * int64_t{max_queued_}) return false;
  const auto it = queued_.find(adapters);
  const bool is_new = it == queued_.end();
  const auto num_sets = static_cast<int32_t>(queued_.size()) + (is_new ? 1 : 0);
  return (is_new ? 0 : it->second) < std::max(1, max_queued_ / num_sets);
}

void QueueLimit::Add(const std::vector<AdapterId>& adapters) {
  ++queued_[adapters];
  ++num_queued_;
}

void QueueLimit::Remove(const std::vector<AdapterId>& adapters) {
  const auto it = queued_.find(adapters);
  if (--it->second == 0) queued_.erase(it);
  --num_queued_;
}

}  // namespace lora
