// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/fair_queue.h"

#include <algorithm>
#include <utility>

namespace lora {

// The lane of `name`; an idle one starts with the least service of the others.
FairQueue::Lane& FairQueue::Busy(const std::string& name) {
  const auto it = lanes_.find(name);
  if (it != lanes_.end()) return it->second;
  int64_t least = 0;
  bool first = true;
  for (const auto& [other, lane] : lanes_) {
    least = first ? lane.service : std::min(least, lane.service);
    first = false;
  }
  Lane& lane = lanes_[name];
  lane.service = least;
  return lane;
}

void FairQueue::DropIfIdle(const std::string& name) {
  const auto it = lanes_.find(name);
  if (it != lanes_.end() && !it->second.busy()) lanes_.erase(it);
}

void FairQueue::PushBack(std::unique_ptr<Sequence> sequence) {
  Busy(sequence->lane()).waiting.push_back(std::move(sequence));
  ++size_;
}

void FairQueue::PushFront(std::unique_ptr<Sequence> sequence) {
  Busy(sequence->lane()).waiting.push_front(std::move(sequence));
  ++size_;
}

std::vector<std::string> FairQueue::LanesByService() const {
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [name, lane] : lanes_) {
    if (!lane.waiting.empty()) order.emplace_back(lane.service, name);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::string> names;
  names.reserve(order.size());
  for (auto& [service, name] : order) names.push_back(std::move(name));
  return names;
}

bool FairQueue::HasWaiting(const std::string& name) const {
  const auto it = lanes_.find(name);
  return it != lanes_.end() && !it->second.waiting.empty();
}

Sequence& FairQueue::Front(const std::string& lane) {
  return *lanes_.at(lane).waiting.front();
}

std::unique_ptr<Sequence> FairQueue::PopFront(const std::string& name) {
  Lane& lane = lanes_.at(name);
  std::unique_ptr<Sequence> sequence = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  --size_;
  DropIfIdle(name);
  return sequence;
}

std::vector<std::unique_ptr<Sequence>> FairQueue::RemoveIf(
    absl::FunctionRef<bool(const Sequence&)> predicate) {
  std::vector<std::unique_ptr<Sequence>> removed;
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    std::deque<std::unique_ptr<Sequence>> kept;
    for (std::unique_ptr<Sequence>& sequence : it->second.waiting) {
      auto& target =
          predicate(*sequence) ? removed.emplace_back() : kept.emplace_back();
      target = std::move(sequence);
    }
    it->second.waiting = std::move(kept);
    it = it->second.busy() ? std::next(it) : lanes_.erase(it);
  }
  size_ -= removed.size();
  return removed;
}

void FairQueue::BeginService(const std::string& lane) {
  ++Busy(lane).num_running;
}

void FairQueue::EndService(const std::string& lane) {
  --lanes_.at(lane).num_running;
  DropIfIdle(lane);
}

void FairQueue::Charge(const std::string& lane, int64_t num_tokens) {
  lanes_.at(lane).service += num_tokens;
}

int64_t FairQueue::service(const std::string& lane) const {
  const auto it = lanes_.find(lane);
  return it == lanes_.end() ? 0 : it->second.service;
}

}  // namespace lora
