// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_RESERVATION_QUEUE_H_
#define LORA_SERVER_ADAPTER_STORE_RESERVATION_QUEUE_H_

#include <algorithm>
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
// Who needs several entries at once takes a *turn*: when it comes, only the
// reservations that were expedited for it are served until it ends. So whoever
// keeps some of its entries while it waits for the rest never waits behind
// somebody who needs their room.
//
// Of the cache, some may be *held* by those who may themselves come to wait
// here. What does not fit beside it lets others pass: the holders among them
// would otherwise wait for one another for ever.
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
  using TurnCallback = absl::AnyInvocable<void() &&>;
  using Ticket = ReservationTicket;

  ReservationQueue(Cache* cache, TaskPool* pool) : cache_(cache), pool_(pool) {}
  ReservationQueue(const ReservationQueue&) = delete;
  ReservationQueue& operator=(const ReservationQueue&) = delete;

  // Claims `bytes` as soon as they can be had; expedited for `turn`, unless
  // that is no turn.
  //
  // To `done`: RESOURCE_EXHAUSTED (QUOTA): more than the cache's capacity; what
  // Fail said.
  Ticket Reserve(int64_t bytes, Callback done, Ticket turn = Ticket())
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    Entry entry{.ticket = Ticket(next_ticket_++),
                .turn = turn,
                .bytes = bytes,
                .done = std::move(done)};
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
    const auto it = Find(ticket);
    if (it == entries_.end()) return;
    Finish(std::move(*it), status);
    entries_.erase(it);
    SchedulePump();  // The next one may fit.
  }

  // Calls `begin` when all that came before has been served, unless EndTurn or
  // Close comes first. In the turn `bytes` will be reserved. Never the default
  // ticket.
  Ticket TakeTurn(TurnCallback begin, int64_t bytes = 0)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    const Ticket ticket(next_ticket_++);
    if (!closed_.ok()) return ticket;
    entries_.push_back({.ticket = ticket,
                        .bytes = bytes,
                        .is_turn = true,
                        .begin = std::move(begin)});
    SchedulePump();
    return ticket;
  }

  void EndTurn(Ticket ticket) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    const auto it = Find(ticket);
    if (it == entries_.end()) return;
    entries_.erase(it);
    SchedulePump();
  }

  // Serves a reservation during `turn`, wherever it stands.
  void Expedite(Ticket ticket, Ticket turn) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    const auto it = Find(ticket);
    if (it == entries_.end()) return;
    it->turn = turn;
    SchedulePump();
  }

  // `bytes` of the cache are held from now on.
  void SetHeld(int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    if (std::exchange(held_bytes_, bytes) != bytes) SchedulePump();
  }

  // Ends every wait with `status`, which is not OK, also those to come.
  void Close(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    for (Entry& entry : entries_) {
      if (!entry.is_turn) Finish(std::move(entry), status);
    }
    entries_.clear();
    closed_ = status;
  }

 private:
  // A reservation, or a turn.
  struct Entry {
    Ticket ticket;
    Ticket turn;  // The turn it is expedited for.
    int64_t bytes = 0;
    Callback done;
    bool is_turn = false;
    TurnCallback begin;  // Null: it has begun.
  };
  using Entries = std::deque<Entry>;

  typename Entries::iterator Find(Ticket ticket)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return std::find_if(
        entries_.begin(), entries_.end(),
        [ticket](const Entry& entry) { return entry.ticket == ticket; });
  }

  // The reservation to serve now; end(): none.
  typename Entries::iterator Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const int64_t capacity = cache_->capacity_bytes();
    const auto front =
        std::find_if(entries_.begin(), entries_.end(),
                     [capacity, room = capacity - held_bytes_](const Entry& e) {
                       return e.bytes <= room || e.bytes > capacity;
                     });  // More than the capacity is refused.
    if (front == entries_.end() || !front->is_turn) return front;
    if (front->begin) {
      pool_->Post(std::move(front->begin));
      front->begin = nullptr;
    }
    return std::find_if(entries_.begin(), entries_.end(),
                        [turn = front->ticket](const Entry& entry) {
                          return entry.turn == turn && !entry.is_turn;
                        });
  }

  // At most one pump runs: it alone serves.
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
        const auto next = Next();
        if (next == entries_.end()) {
          pumping_ = false;
          return;
        }
        ticket = next->ticket;
        bytes = next->bytes;
      }
      absl::StatusOr<Reservation> reservation = cache_->Reserve(bytes);
      MutexLock lock(mu_);
      const auto next = Next();
      if (next == entries_.end() || next->ticket != ticket) continue;
      if (absl::IsUnavailable(reservation.status())) {
        pumping_ = false;
        cache_->WaitForRoom(bytes, [this] {
          MutexLock lock(mu_);
          if (!entries_.empty()) SchedulePump();
        });
        return;
      }
      Finish(std::move(*next), std::move(reservation));
      entries_.erase(next);
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
  Entries entries_ ABSL_GUARDED_BY(mu_);
  uint64_t next_ticket_ ABSL_GUARDED_BY(mu_) = 1;
  int64_t held_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status closed_ ABSL_GUARDED_BY(mu_);  // Not OK: closed.
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_RESERVATION_QUEUE_H_
