// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/event_queue.h"

#include <utility>

namespace lora {

void EventQueue::Push(const AdapterEvent& event) {
  const auto [it, added] = by_id_.try_emplace(event.adapter.id);
  if (added) {
    it->second = events_.insert(events_.end(), event);
    return;
  }
  AdapterEvent& waiting = *it->second;
  // The reader has not seen the snapshot: it gets a newer one.
  const bool stays_snapshot = waiting.type == AdapterEvent::Type::kSnapshot &&
                              event.type == AdapterEvent::Type::kUpdated;
  waiting = event;
  if (stays_snapshot) waiting.type = AdapterEvent::Type::kSnapshot;
}

std::optional<AdapterEvent> EventQueue::Pop() {
  if (events_.empty()) return std::nullopt;
  AdapterEvent event = std::move(events_.front());
  events_.pop_front();
  by_id_.erase(event.adapter.id);
  return event;
}

}  // namespace lora
