// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_RESERVATION_QUEUE_H_
#define LORA_SERVER_ADAPTER_STORE_RESERVATION_QUEUE_H_

#include <cstdint>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/base/task_pool.h"

namespace lora {

using ReservationTicket = StrongId<struct ReservationTicketTag, uint64_t>;

// Reservations of a PinnedCache for those who can wait: served strictly in the
// order they came, so that a large one is not overtaken for ever by small ones.
//
// Thread-safe. Callbacks run once each, on the pool's threads. After Close,
// which must precede the end of `pool`, it may be destroyed once the cache can
// call it no more: after the cache.
template <typename Cache>
class ReservationQueue {
 public:
  using Reservation = typename Cache::Reservation;
  using Callback =
      absl::AnyInvocable<void(absl::StatusOr<Reservation> reservation) &&>;
  using Ticket = ReservationTicket;

  ReservationQueue(Cache* cache, TaskPool* pool) : cache_(cache), pool_(pool) {}
  ReservationQueue(const ReservationQueue&) = delete;
  ReservationQueue& operator=(const ReservationQueue&) = delete;

  // Claims `bytes` as soon as they can be had.
  //
  // To `done`: RESOURCE_EXHAUSTED (QUOTA): more than the cache's capacity; what
  // Fail said.
  Ticket Reserve(int64_t bytes, Callback done) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    Entry entry{Ticket(next_ticket_++), bytes, std::move(done)};
    const Ticket ticket = entry.ticket;
    if (!closed_.ok()) {
      Finish(std::move(entry), closed_);
      return ticket;
    }
    entries_.push_back(std::move(entry));
    SchedulePump();
    return ticket;
  }

  // Ends one wait with `status`, unless it was served already.
  void Fail(Ticket ticket, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->ticket != ticket) continue;
      Finish(std::move(*it), status);
      entries_.erase(it);
      SchedulePump();  // The next one may fit.
      return;
    }
  }

  // Ends every wait with `status`, which is not OK, also those to come.
  void Close(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    for (Entry& entry : entries_) Finish(std::move(entry), status);
    entries_.clear();
    closed_ = status;
  }

 private:
  struct Entry {
    Ticket ticket;
    int64_t bytes = 0;
    Callback done;
  };

  // At most one pump runs: it alone serves the front.
  void SchedulePump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (pumping_ || !closed_.ok()) return;
    pumping_ = true;
    pool_->Post([this] { Pump(); });
  }

  void Pump() ABSL_LOCKS_EXCLUDED(mu_) {
    while (true) {
      Ticket ticket;
      int64_t bytes = 0;
      {
        MutexLock lock(mu_);
        if (entries_.empty()) {
          pumping_ = false;
          return;
        }
        ticket = entries_.front().ticket;
        bytes = entries_.front().bytes;
      }
      absl::StatusOr<Reservation> reservation = cache_->Reserve(bytes);
      MutexLock lock(mu_);
      if (entries_.empty() || entries_.front().ticket != ticket) continue;
      if (absl::IsUnavailable(reservation.status())) {
        pumping_ = false;
        cache_->WaitForRoom(bytes, [this] {
          MutexLock lock(mu_);
          if (!entries_.empty()) SchedulePump();
        });
        return;
      }
      Finish(std::move(entries_.front()), std::move(reservation));
      entries_.pop_front();
    }
  }

  void Finish(Entry entry, absl::StatusOr<Reservation> outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    pool_->Post(
        [done = std::move(entry.done), outcome = std::move(outcome)]() mutable {
          std::move(done)(std::move(outcome));
        });
  }

  Cache* const cache_;
  TaskPool* const pool_;
  Mutex mu_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mu_);
  uint64_t next_ticket_ ABSL_GUARDED_BY(mu_) = 1;
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status closed_ ABSL_GUARDED_BY(mu_);  // Not OK: closed.
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_RESERVATION_QUEUE_H_
