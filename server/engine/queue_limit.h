// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_QUEUE_LIMIT_H_
#define LORA_SERVER_ENGINE_QUEUE_LIMIT_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/base/ids.h"

namespace lora {

// How many requests may wait, such that one adapter's flood cannot shut the
// others out.
//
// `max_queued` may wait, whomever they ask for. When these places are taken a
// set of adapters that has fewer waiting than its share (max_queued over the
// number of sets that wait, at least 1), and fewer than there are places left
// below twice max_queued, may still queue. So each further flood takes half of
// the places that it finds left, rounded up, at most, and a set of which none
// waits is taken as long as there is one.
//
// Not thread-safe.
class QueueLimit {
 public:
  explicit QueueLimit(int32_t max_queued) : max_queued_(max_queued) {}

  // Whether one more request may wait that names `adapters`, which are sorted
  // in all calls; the base alone is a set too.
  bool HasRoom(const std::vector<AdapterId>& adapters) const;
  void Add(const std::vector<AdapterId>& adapters);
  // One of those added waits no more.
  void Remove(const std::vector<AdapterId>& adapters);

  int32_t num_queued() const { return num_queued_; }
  int32_t max_queued() const { return max_queued_; }

 private:
  const int32_t max_queued_;
  int32_t num_queued_ = 0;
  // Sets of which none waits are left out.
  absl::flat_hash_map<std::vector<AdapterId>, int32_t> queued_;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_QUEUE_LIMIT_H_
