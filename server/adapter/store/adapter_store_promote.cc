// SPDX-License-Identifier: Apache-2.0
// AdapterStore: how versions come to the device and what keeps them there.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/store/adapter_store.h"
#include "server/base/error.h"
#include "server/base/log.h"

namespace lora {

void AdapterStore::BringIn(absl::Span<const AdapterKey> keys, Hold hold,
                           Done done) {
  Deferred deferred;
  MutexLock lock(mu_);
  auto set = std::make_shared<ResidentSet>();
  set->keys.assign(keys.begin(), keys.end());
  set->hold = hold == Hold::kUntilAcquired;
  set->done = std::move(done);
  set->status = CheckSetFits(keys);
  if (set->status.ok()) {
    for (const AdapterKey& key : keys) {
      if (device_cache_.Lookup(key)) continue;  // Used now: evicted last.
      const VersionPtr version = Find(key);
      ++set->num_missing;
      version->waiters.push_back(set);
      StartPromotion(version);
    }
  }
  if (set->num_missing == 0) CompleteSet(*set, deferred);
}

void AdapterStore::CancelPromotion(const AdapterKey& key) {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr || version->promotion == nullptr) return;
  promoter_.Cancel(
      *version->promotion,
      absl::CancelledError(absl::StrCat("the load of adapter '", key.id.value(),
                                        "' was cancelled")));
}

void AdapterStore::StartPromotion(const VersionPtr& version) {
  if (version->promotion != nullptr) return;
  version->promotion = promoter_.Start(
      {.key = version->key,
       .source = version->source,
       .options = version->load_options,
       .device_bytes = version->device_bytes},
      [this, version](absl::StatusOr<DevicePromoter::Promoted> promoted) {
        OnPromoted(version, std::move(promoted));
      });
}

void AdapterStore::OnPromoted(
    const VersionPtr& version,
    absl::StatusOr<DevicePromoter::Promoted> promoted) {
  Deferred deferred;
  AdapterHandle handle;  // Keeps the copy until the waiters have theirs.
  absl::AnyInvocable<void() &&> after_work;
  {
    MutexLock lock(mu_);
    version->promotion = nullptr;
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
    for (const auto& set : std::exchange(version->waiters, {})) {
      if (set->status.ok()) set->status = status;
      if (--set->num_missing == 0) CompleteSet(*set, deferred);
    }
    if (version->host_read == nullptr) {
      after_work = std::move(version->after_work);
    }
  }
  promoted = absl::CancelledError();  // Lets go of the host copy.
  if (after_work) std::move(after_work)();
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
  if (version.retained && !version.retained_host) {
    version.retained_device = device_cache_.Lookup(version.key);
  }
  if (DropsHostCopy(version)) host_cache_.Doom(version.key);
  return handle;
}

void AdapterStore::CompleteSet(ResidentSet& set, Deferred& deferred) {
  if (set.status.ok() && set.hold) {
    const absl::Time until = clock_->Now() + options_.hold;
    for (const AdapterKey& key : set.keys) {
      const VersionPtr version = Find(key);
      if (version == nullptr) continue;
      version->hold = device_cache_.Lookup(key);
      version->hold_until = until;
    }
    timers_.Schedule(until, [this, keys = set.keys] { EndHolds(keys); });
  }
  deferred.Add([done = std::move(set.done), status = set.status]() mutable {
    std::move(done)(status);
  });
}

void AdapterStore::EndHolds(const std::vector<AdapterKey>& keys) {
  const absl::Time now = clock_->Now();
  MutexLock lock(mu_);
  for (const AdapterKey& key : keys) {
    const VersionPtr version = Find(key);
    // A later set may hold it longer.
    if (version != nullptr && version->hold_until <= now) version->hold.Reset();
  }
}

absl::Status AdapterStore::SetPinned(const AdapterKey& key, bool pinned) {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr) return CheckSetFits({&key, 1});  // NOT_FOUND.
  if (version->pinned == pinned) return absl::OkStatus();
  if (!pinned) {
    version->pinned = false;
    pinned_bytes_ -= version->device_bytes;
    version->pin.Reset();
    return absl::OkStatus();
  }
  if (absl::Status fits = CheckSetFits({&key, 1}); !fits.ok()) return fits;
  version->pinned = true;
  pinned_bytes_ += version->device_bytes;
  version->pin = device_cache_.Lookup(key);
  if (!version->pin) StartPromotion(version);
  // Some promotions may wait for room that will not come any more.
  for (const auto& [other, waiting] : versions_) {
    if (waiting->promotion == nullptr) continue;
    if (absl::Status fits = CheckSetFits({&other, 1}); !fits.ok()) {
      promoter_.Cancel(*waiting->promotion, fits);
    }
  }
  return absl::OkStatus();
}

void AdapterStore::SetWarmTier(const AdapterKey& key, WarmTier tier) {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr || version->warm_tier == tier) return;
  version->warm_tier = tier;
  const bool on_device = device_cache_.Contains(key);
  if (on_device && DropsHostCopy(*version)) host_cache_.Doom(key);
  if (on_device && tier == WarmTier::kHost && !host_cache_.Contains(key)) {
    ReadHostCopy(version);
  }
}

void AdapterStore::Retain(const AdapterKey& key) {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr) return;
  version->retained = true;
  version->retained_host = host_cache_.Lookup(key);
  if (version->retained_host) return;
  version->retained_device = device_cache_.Lookup(key);
  if (!version->retained_device && version->promotion == nullptr) {
    ReadHostCopy(version);
  }
}

void AdapterStore::Unretain(const AdapterKey& key) {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr) return;
  version->retained = false;
  version->retained_host.Reset();
  version->retained_device.Reset();
}

void AdapterStore::ReadHostCopy(const VersionPtr& version) {
  if (version->host_read != nullptr) return;
  version->host_read = reader_.Start(
      {version->key.id, version->source, version->load_options}, nullptr,
      [this, version](absl::StatusOr<HostHandle> host) {
        absl::AnyInvocable<void() &&> after_work;
        {
          MutexLock lock(mu_);
          version->host_read = nullptr;
          if (!host.ok() || host->key() != version->key) {
            LogWarn("host_copy_failed", {{"adapter", version->key.id.value()},
                                         {"digest", version->key.digest}});
          } else if (version->retained && !version->retained_device) {
            version->retained_host = *std::move(host);
          }
          if (host.ok() && *host && !versions_.contains(host->key())) {
            host_cache_.Doom(host->key());
          }
          if (version->promotion == nullptr) {
            after_work = std::move(version->after_work);
          }
        }
        host = absl::CancelledError();  // Lets go of the host copy.
        if (after_work) std::move(after_work)();
      });
}

bool AdapterStore::DropsHostCopy(const StoredVersion& version) const {
  return options_.host_copy == HostCopy::kDropAfterUpload &&
         version.warm_tier == WarmTier::kDisk && !version.retained;
}

}  // namespace lora
