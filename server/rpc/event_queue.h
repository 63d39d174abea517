// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_EVENT_QUEUE_H_
#define LORA_SERVER_RPC_EVENT_QUEUE_H_

#include <list>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "server/adapter/adapter_plane.h"

namespace lora {

// The adapter events that a watcher has not read yet: at most one an adapter,
// the latest, in the order in which the adapters first changed. So a slow
// reader misses steps in between but never the last state, and costs no more
// than one event an adapter. Not thread-safe.
class EventQueue {
 public:
  void Push(const AdapterEvent& event);
  std::optional<AdapterEvent> Pop();
  bool empty() const { return events_.empty(); }

 private:
  std::list<AdapterEvent> events_;
  absl::flat_hash_map<AdapterId, std::list<AdapterEvent>::iterator> by_id_;
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_EVENT_QUEUE_H_
