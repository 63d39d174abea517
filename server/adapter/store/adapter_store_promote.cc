// SPDX-License-Identifier: Apache-2.0
// AdapterStore: how versions come to the device and are pinned there.
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/store/adapter_store.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"

namespace lora {

void AdapterStore::StartPromotion(const VersionPtr& version) {
  const bool expedited =
      active_set_ != nullptr &&
      std::find(active_set_->keys.begin(), active_set_->keys.end(),
                version->key) != active_set_->keys.end();
  const ReservationTicket turn =
      expedited ? active_set_->turn : ReservationTicket();
  if (version->promotion == nullptr) {
    version->promotion = promoter_.Start(
        {.key = version->key,
         .source = version->source,
         .options = version->load_options,
         .device_bytes = version->device_bytes,
         .turn = turn},
        [this, version](absl::StatusOr<DevicePromoter::Promoted> promoted) {
          OnPromoted(version, std::move(promoted));
        });
  } else if (version->promotion_cancelled) {
    version->promote_again = true;
  } else if (expedited) {
    promoter_.Expedite(*version->promotion, turn);
  }
}

// Makes a promotion under way end with `status`.
void AdapterStore::StopPromotion(StoredVersion& version,
                                 const absl::Status& status) {
  version.promotion_cancelled = true;
  promoter_.Cancel(*version.promotion, status);
}

// Ends a promotion that nobody wants any more.
void AdapterStore::StopUnwanted(const AdapterKey& key) {
  const VersionPtr version = Find(key);
  if (version == nullptr || version->promotion == nullptr || version->pinned) {
    return;
  }
  const auto ended = [](const SetPtr& set) { return set->ended; };
  std::erase_if(version->waiters, ended);
  std::erase_if(version->next_waiters, ended);
  if (version->next_waiters.empty()) version->promote_again = false;
  if (!version->waiters.empty()) return;
  StopPromotion(*version, absl::CancelledError(
                              absl::StrCat("the load of adapter '",
                                           key.id.value(), "' was cancelled")));
}

void AdapterStore::CancelPromote(const AdapterKey& key) {
  auto deferred = std::make_unique<Deferred>();
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr) return;
  StoredVersion::Waiters waiters = version->waiters;
  waiters.insert(waiters.end(), version->next_waiters.begin(),
                 version->next_waiters.end());
  for (const SetPtr& set : waiters) {
    if (!set->hold) {
      FinishSet(set, absl::CancelledError("nobody waits for the load any more"),
                *deferred);
    }
  }
  StopUnwanted(key);
  Answer(std::move(deferred));
}

void AdapterStore::OnPromoted(
    const VersionPtr& version,
    absl::StatusOr<DevicePromoter::Promoted> promoted) {
  Deferred deferred;
  AdapterHandle handle;  // Keeps the copy until the waiters have theirs.
  absl::AnyInvocable<void() &&> after_work;
  {
    MutexLock lock(mu_);
    absl::Status status = promoted.status();
    if (status.ok()) {
      absl::StatusOr<AdapterHandle> adopted = Adopt(*version, *promoted);
      status = adopted.status();
      if (adopted.ok()) handle = *std::move(adopted);
    }
    if (status.ok()) {
      ++num_loads_;
      LogDebug("adapter_promoted", {{"adapter", version->key.id.value()},
                                    {"digest", version->key.digest},
                                    {"device_bytes", version->device_bytes}});
    } else if (!absl::IsCancelled(status)) {
      ++num_load_failures_;
      LogWarn("promotion_failed", {{"adapter", version->key.id.value()},
                                   {"digest", version->key.digest},
                                   {"error", status.ToString()}});
    }
    EndPromotion(version, status, deferred);
    if (version->promotion == nullptr && version->host_read == nullptr) {
      after_work = std::move(version->after_work);
    }
  }
  promoted = absl::CancelledError();  // Lets go of the host copy.
  if (after_work) std::move(after_work)();
}

// Tells who waited, and goes on for who came after a cancel.
void AdapterStore::EndPromotion(const VersionPtr& version,
                                const absl::Status& status,
                                Deferred& deferred) {
  version->promotion = nullptr;
  version->promotion_cancelled = false;
  StoredVersion::Waiters waiters = std::exchange(version->waiters, {});
  StoredVersion::Waiters next = std::exchange(version->next_waiters, {});
  const bool again = std::exchange(version->promote_again, false) &&
                     !status.ok() && !version->removed;
  if (again) {
    version->waiters = std::move(next);
    StartPromotion(version);
  } else {
    std::move(next.begin(), next.end(), std::back_inserter(waiters));
  }
  for (const SetPtr& set : waiters) {
    OnMember(set, version->key, status, deferred);
  }
  // It would have been the copy that a replaced version keeps.
  if (!status.ok() && !absl::IsDataLoss(status) && !version->removed &&
      version->retained && !version->retained_host &&
      version->promotion == nullptr) {
    ReadHostCopy(version);
  }
}

absl::StatusOr<AdapterHandle> AdapterStore::Adopt(
    StoredVersion& version, DevicePromoter::Promoted& promoted) {
  if (version.removed) {
    return absl::CancelledError(
        absl::StrCat("adapter '", version.key.id.value(), "' was unloaded"));
  }
  AdapterHandle handle =
      device_cache_.InsertOrLookup(version.key, std::move(promoted.adapter),
                                   std::move(promoted.reservation));
  if (version.pinned) version.pin = device_cache_.Lookup(version.key);
  if (version.retained) HoldCopy(version);
  if (version.pinned || version.retained) UpdateHeld();
  if (DropsHostCopy(version)) host_cache_.Doom(version.key);
  return handle;
}

absl::Status AdapterStore::SetPinned(const AdapterKey& key, bool pinned) {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr) return CheckSetFits({&key, 1});  // NOT_FOUND.
  if (pinned) return Pin(version, version->device_bytes);
  if (!version->pinned) return absl::OkStatus();
  version->pinned = false;
  pinned_bytes_ -= std::exchange(version->counted_bytes, 0);
  version->pin.Reset();
  UpdateHeld();
  StopUnwanted(key);
  return absl::OkStatus();
}

absl::Status AdapterStore::PinSuccessor(const AdapterKey& key,
                                        const AdapterKey& replaced) {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr) return CheckSetFits({&key, 1});  // NOT_FOUND.
  const VersionPtr old = Find(replaced);
  const int64_t covered_bytes = old == nullptr ? 0 : old->counted_bytes;
  return Pin(version,
             std::max<int64_t>(version->device_bytes - covered_bytes, 0));
}

// Pins `version` unless it is, and makes it count `counted_bytes`. It must fit
// beside all that is pinned, so that it can come in before anything goes.
absl::Status AdapterStore::Pin(const VersionPtr& version,
                               int64_t counted_bytes) {
  if (!version->pinned) {
    LORA_RETURN_IF_ERROR(CheckSetFits({&version->key, 1}));
    version->pinned = true;
    version->pin = device_cache_.Lookup(version->key);
    if (!version->pin) StartPromotion(version);
    UpdateHeld();
  }
  const int64_t more_bytes = counted_bytes - version->counted_bytes;
  pinned_bytes_ += more_bytes;
  version->counted_bytes = counted_bytes;
  if (more_bytes > 0) EndHopeless();
  return absl::OkStatus();
}

// Ends the waits for room that will not come any more, since more is pinned.
void AdapterStore::EndHopeless() {
  auto deferred = std::make_unique<Deferred>();
  for (const SetPtr& set : std::vector<SetPtr>(turns_)) {
    if (absl::Status fits = CheckSetFits(set->keys); !fits.ok()) {
      FinishSet(set, fits, *deferred);
    }
  }
  for (const auto& [key, version] : versions_) {
    if (version->promotion == nullptr) continue;
    if (absl::Status fits = CheckSetFits({&key, 1}); !fits.ok()) {
      StopPromotion(*version, fits);
    }
  }
  Answer(std::move(deferred));
}

}  // namespace lora
