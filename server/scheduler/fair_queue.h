// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_SCHEDULER_FAIR_QUEUE_H_
#define LORA_SERVER_SCHEDULER_FAIR_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/scheduler/sequence.h"

namespace lora {

// Waiting sequences, in one lane for each adapter set, and how much service
// each lane has had.
//
// The lane with the least service goes first, so an adapter with many requests
// does not delay one with few (virtual token counters: Sheng et al. 2024,
// arXiv:2401.00588, algorithm 2). A lane that begins to wait has at least the
// service of the least served that waits, or of the last that did: absence
// earns no credit, and clears no debt.
//
// Not thread-safe: engine thread only.
class FairQueue {
 public:
  void PushBack(std::unique_ptr<Sequence> sequence);
  // For a preempted sequence: it goes before the others of its lane.
  void PushFront(std::unique_ptr<Sequence> sequence);

  // Lanes with waiting sequences, in the order of Comes.
  std::vector<std::string> LanesByService() const;
  // Whether lane `a` comes before lane `b`: it has had less service, or as much
  // and its first sequence came earlier. (By their names, say, the same lanes
  // would win every time.)
  bool Comes(const std::string& a, const std::string& b) const;
  bool HasWaiting(const std::string& lane) const;
  // The first sequence of a lane that has one.
  Sequence& Front(const std::string& lane);
  std::unique_ptr<Sequence> PopFront(const std::string& lane);

  // Takes out every waiting sequence for which `predicate` holds.
  std::vector<std::unique_ptr<Sequence>> RemoveIf(
      absl::FunctionRef<bool(const Sequence&)> predicate);

  // Whether `predicate` holds for the first sequence of some lane.
  bool AnyFront(absl::FunctionRef<bool(const Sequence&)> predicate) const;

  // A sequence of `lane` runs, or has stopped running: keeps the lane's
  // counter while it is busy.
  void BeginService(const std::string& lane);
  void EndService(const std::string& lane);
  // Adds computed tokens to a busy lane's counter.
  void Charge(const std::string& lane, int64_t num_tokens);
  int64_t service(const std::string& lane) const;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Lane {
    std::deque<std::unique_ptr<Sequence>> waiting;
    int64_t service = 0;
    int32_t num_running = 0;

    bool busy() const { return !waiting.empty() || num_running > 0; }
  };

  void RaiseFloor();
  // Service, and when its first waiting sequence came; 0: none waits.
  std::pair<int64_t, uint64_t> Rank(const std::string& lane) const;

  // Busy lanes, and idle ones that are over the floor: their debt.
  std::map<std::string, Lane> lanes_;
  // What a lane that begins to wait has had at least; never falls.
  int64_t floor_ = 0;
  std::string last_to_wait_;  // The lane whose waiting ended last.
  size_t size_ = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_SCHEDULER_FAIR_QUEUE_H_
