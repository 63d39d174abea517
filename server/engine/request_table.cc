// SPDX-License-Identifier: Apache-2.0
#include "server/engine/request_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora {

SequenceId RequestTable::Announce() {
  MutexLock lock(mu_);
  const SequenceId id(next_id_++);
  entries_.emplace(id, Entry());
  return id;
}

absl::Status RequestTable::Begin(SequenceId id, std::vector<AdapterId> adapters,
                                 std::shared_ptr<TokenSink> sink) {
  // In whatever order a request names them, they are one set.
  std::sort(adapters.begin(), adapters.end());
  MutexLock lock(mu_);
  Entry& entry = entries_[id];
  absl::Status refusal;
  if (closed_) {
    refusal = Error(absl::StatusCode::kUnavailable, ErrorReason::kDraining,
                    "the server is shutting down; send the request to another "
                    "one");
  } else if (entry.phase == Phase::kCancelled) {
    refusal = Error(absl::StatusCode::kCancelled, ErrorReason::kCancelled,
                    "the caller cancelled the request");
  } else if (!queue_.HasRoom(adapters)) {
    refusal = Error(
        absl::StatusCode::kResourceExhausted, ErrorReason::kQueue,
        absl::StrCat("the queue is full: ", queue_.num_queued(),
                     " requests wait, --max-queue is ", queue_.max_queued(),
                     "; try later or ask another server"));
  }
  if (!refusal.ok()) {
    entries_.erase(id);
    return refusal;
  }
  entry.phase = Phase::kPreparing;
  queue_.Add(adapters);
  entry.adapters = std::move(adapters);
  entry.sink = std::move(sink);
  ++num_begun_;
  return absl::OkStatus();
}

void RequestTable::SetDeadline(SequenceId id, ScopedTimer timer) {
  MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it != entries_.end()) it->second.deadline = std::move(timer);
}

bool RequestTable::IsLive(SequenceId id) const {
  MutexLock lock(mu_);
  return entries_.contains(id);
}

bool RequestTable::SetLeaseWait(SequenceId id, WaitId wait) {
  MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return false;
  it->second.lease_wait = wait;
  return true;
}

bool RequestTable::HandOver(SequenceId id, std::vector<AdapterKey> keys,
                            absl::FunctionRef<void()> hand_over) {
  MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return false;
  it->second.phase = Phase::kScheduled;
  it->second.keys = std::move(keys);
  hand_over();
  return true;
}

void RequestTable::MarkRunning(SequenceId id) {
  MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it == entries_.end() || it->second.running) return;
  it->second.running = true;
  queue_.Remove(it->second.adapters);
}

RequestTable::EndAction RequestTable::RequestEnd(SequenceId id) {
  MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return {};
  Entry& entry = it->second;
  switch (entry.phase) {
    case Phase::kAnnounced:
    case Phase::kCancelled:
      entry.phase = Phase::kCancelled;
      return {};
    case Phase::kScheduled:
      return {.scheduled = true};
    case Phase::kPreparing:
      break;
  }
  EndAction action{.sink = std::move(entry.sink),
                   .lease_wait = entry.lease_wait};
  Erase(id);
  return action;
}

std::shared_ptr<TokenSink> RequestTable::Remove(SequenceId id) {
  MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return nullptr;
  std::shared_ptr<TokenSink> sink = std::move(it->second.sink);
  Erase(id);
  return sink;
}

void RequestTable::Erase(SequenceId id) {
  const auto it = entries_.find(id);
  if (!it->second.running) queue_.Remove(it->second.adapters);
  entries_.erase(it);
  if (--num_begun_ == 0) empty_.NotifyAll();
}

bool RequestTable::Entry::Uses(const AdapterKey& key) const {
  const auto contains = [](const auto& list, const auto& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  return phase == Phase::kScheduled ? contains(keys, key)
                                    : contains(adapters, key.id);
}

std::vector<SequenceId> RequestTable::UsersOf(const AdapterKey& key) const {
  MutexLock lock(mu_);
  std::vector<SequenceId> users;
  for (const auto& [id, entry] : entries_) {
    if (entry.Uses(key)) users.push_back(id);
  }
  return users;
}

std::vector<SequenceId> RequestTable::All() const {
  MutexLock lock(mu_);
  std::vector<SequenceId> ids;
  for (const auto& [id, entry] : entries_) {
    if (entry.sink != nullptr) ids.push_back(id);
  }
  return ids;
}

void RequestTable::Close() {
  MutexLock lock(mu_);
  closed_ = true;
}

bool RequestTable::WaitUntilEmpty(absl::Time deadline) {
  MutexLock lock(mu_);
  while (num_begun_ > 0) {
    if (!empty_.WaitUntil(mu_, deadline)) return num_begun_ == 0;
  }
  return true;
}

int32_t RequestTable::num_queued() const {
  MutexLock lock(mu_);
  return queue_.num_queued();
}

}  // namespace lora
