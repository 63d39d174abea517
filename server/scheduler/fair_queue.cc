// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/fair_queue.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

namespace lora {

void FairQueue::RaiseFloor() {
  std::optional<int64_t> least;
  for (const auto& [name, lane] : lanes_) {
    if (lane.waiting.empty()) continue;
    least = std::min(lane.service, least.value_or(lane.service));
  }
  floor_ = std::max(floor_, least.value_or(service(last_to_wait_)));
  std::erase_if(lanes_, [this](const auto& entry) {
    return !entry.second.busy() && entry.second.service <= floor_;
  });
}

void FairQueue::PushBack(std::unique_ptr<Sequence> sequence) {
  if (!HasWaiting(sequence->lane())) RaiseFloor();
  Lane& lane = lanes_[sequence->lane()];
  if (lane.waiting.empty()) lane.service = std::max(lane.service, floor_);
  lane.waiting.push_back(std::move(sequence));
  ++size_;
}

void FairQueue::PushFront(std::unique_ptr<Sequence> sequence) {
  lanes_[sequence->lane()].waiting.push_front(std::move(sequence));
  ++size_;
}

std::vector<std::string> FairQueue::LanesByService() const {
  std::vector<std::string> names;
  for (const auto& [name, lane] : lanes_) {
    if (!lane.waiting.empty()) names.push_back(name);
  }
  std::sort(names.begin(), names.end(),
            [this](const std::string& a, const std::string& b) {
              return Comes(a, b);
            });
  return names;
}

bool FairQueue::Comes(const std::string& a, const std::string& b) const {
  return std::forward_as_tuple(Rank(a), a) < std::forward_as_tuple(Rank(b), b);
}

// Ids count up as requests come.
std::pair<int64_t, uint64_t> FairQueue::Rank(const std::string& name) const {
  const auto it = lanes_.find(name);
  if (it == lanes_.end()) return {0, 0};
  const Lane& lane = it->second;
  return {lane.service,
          lane.waiting.empty() ? 0 : lane.waiting.front()->id().value()};
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
  if (lane.waiting.empty()) last_to_wait_ = name;
  return sequence;
}

std::vector<std::unique_ptr<Sequence>> FairQueue::RemoveIf(
    absl::FunctionRef<bool(const Sequence&)> predicate) {
  std::vector<std::unique_ptr<Sequence>> removed;
  for (auto& [name, lane] : lanes_) {
    std::deque<std::unique_ptr<Sequence>> kept;
    for (std::unique_ptr<Sequence>& sequence : lane.waiting) {
      auto& target =
          predicate(*sequence) ? removed.emplace_back() : kept.emplace_back();
      target = std::move(sequence);
    }
    if (kept.empty() && !lane.waiting.empty()) last_to_wait_ = name;
    lane.waiting = std::move(kept);
  }
  size_ -= removed.size();
  return removed;
}

bool FairQueue::AnyFront(
    absl::FunctionRef<bool(const Sequence&)> predicate) const {
  return std::any_of(lanes_.begin(), lanes_.end(), [&](const auto& entry) {
    const auto& waiting = entry.second.waiting;
    return !waiting.empty() && predicate(*waiting.front());
  });
}

void FairQueue::BeginService(const std::string& lane) {
  ++lanes_[lane].num_running;
}

void FairQueue::EndService(const std::string& lane) {
  --lanes_.at(lane).num_running;
}

void FairQueue::Charge(const std::string& lane, int64_t num_tokens) {
  lanes_.at(lane).service += num_tokens;
}

int64_t FairQueue::service(const std::string& lane) const {
  const auto it = lanes_.find(lane);
  return it == lanes_.end() ? 0 : it->second.service;
}

}  // namespace lora
