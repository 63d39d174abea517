// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_STORED_VERSION_H_
#define LORA_SERVER_ADAPTER_STORE_STORED_VERSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/device_adapter.h"
#include "server/adapter/store/device_promoter.h"
#include "server/adapter/store/host_reader.h"
#include "server/adapter/store/reservation_queue.h"

namespace lora {

// What a version gave back.
struct FreedBytes {
  int64_t host_bytes = 0;
  int64_t device_bytes = 0;
};

// Where a version's bytes come from and stay.
struct StoredVersionOptions {
  std::string source;
  AdapterLoadOptions load;
  WarmTier warm_tier = WarmTier::kDisk;
};

// One EnsureResident: adapters on their way to the device together. Guarded by
// the store's mutex.
struct ResidentSet {
  std::vector<AdapterKey> keys;
  bool hold = false;       // Keep them for the TryAcquireAll that follows.
  size_t num_missing = 0;  // Promotions still awaited.
  bool ended = false;      // `done` has been taken.
  absl::AnyInvocable<void(absl::Status) &&> done;

  // If members were evicted while others came in: a turn of the device queue,
  // in which the set keeps those it has.
  ReservationTicket turn;  // The default: none is needed.
  int num_turns = 0;       // Taken so far.
  bool has_turn = false;   // It has come.
  std::vector<AdapterHandle> kept;
};

// The store's record of one version. Guarded by the store's mutex.
struct StoredVersion {
  using Waiters = std::vector<std::shared_ptr<ResidentSet>>;

  AdapterKey key;
  std::string source;
  AdapterLoadOptions load_options;
  WarmTier warm_tier = WarmTier::kDisk;
  int64_t host_bytes = 0;
  int64_t device_bytes = 0;
  bool pinned = false;
  // pinned: its part of the bytes that are pinned. Less than device_bytes while
  // the version it replaces counts for both.
  int64_t counted_bytes = 0;
  bool retained = false;
  bool removed = false;  // No longer in the store; its work is ending.

  // The pins the store itself holds.
  AdapterHandle pin;   // pinned, once it is on the device.
  AdapterHandle hold;  // Until TryAcquireAll or hold_until.
  absl::Time hold_until = absl::InfinitePast();
  AdapterHandle retained_device;  // retained: one of these two.
  HostHandle retained_host;

  // Work under way; null: none.
  std::shared_ptr<DevicePromoter::Promotion> promotion;
  std::shared_ptr<HostReader::Read> host_read;
  Waiters waiters;  // Of the promotion.
  // The promotion was cancelled but has not ended: who comes now waits for the
  // next one.
  bool promotion_cancelled = false;
  bool promote_again = false;
  Waiters next_waiters;
  // What Remove still has to do when that work has ended.
  absl::AnyInvocable<void() &&> after_work;
};

// Whether its device copy stays though no request runs with it.
inline bool IsHeld(const StoredVersion& version) {
  return version.pin || version.retained_device;
}

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_STORED_VERSION_H_
