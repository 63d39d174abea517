// SPDX-License-Identifier: Apache-2.0
#include "server/engine/queue_limit.h"

#include <algorithm>

namespace lora {

bool QueueLimit::HasRoom(const std::vector<AdapterId>& adapters) const {
  if (num_queued_ < max_queued_) return true;
  const auto it = queued_.find(adapters);
  const bool is_new = it == queued_.end();
  const auto num_sets = static_cast<int64_t>(queued_.size()) + (is_new ? 1 : 0);
  const int64_t share = std::max<int64_t>(1, max_queued_ / num_sets);
  const int64_t room = 2 * int64_t{max_queued_} - num_queued_;
  return (is_new ? 0 : it->second) < std::min(share, room);
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
