// SPDX-License-Identifier: Apache-2.0
// AdapterStore: which copies stay in memory.
//
// A replaced version is retained for its users until they are gone, running or
// not. It is *held*: in host memory where that is possible, so that the device
// is free for others. Where the device copy is the only one, that is held, and
// who waits for its room may be what its users wait for in turn: see
// ReservationQueue::SetHeld.
#include <algorithm>
#include <utility>
#include <vector>

#include "server/adapter/store/adapter_store.h"
#include "server/base/log.h"

namespace lora {

void AdapterStore::SetOptions(const AdapterKey& key, VersionOptions options) {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr) return;
  version->source = std::move(options.source);
  version->load_options = options.load;
  version->warm_tier = options.warm_tier;
  if (!device_cache_.Contains(key)) return;
  if (DropsHostCopy(*version)) {
    host_cache_.Doom(key);
  } else if (version->warm_tier == WarmTier::kHost &&
             !host_cache_.Contains(key)) {
    ReadHostCopy(version);
  }
}

void AdapterStore::Retain(const AdapterKey& key) {
  MutexLock lock(mu_);
  if (const VersionPtr version = Find(key)) StartRetaining(version);
}

void AdapterStore::RetainBeside(const AdapterKey& key,
                                const AdapterKey& successor) {
  const AdapterKey both[] = {key, successor};
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  if (version == nullptr) return;
  if (CheckSetFits(both).ok()) {
    StartRetaining(version);
  } else {
    StopRetaining(*version);
  }
}

void AdapterStore::Unretain(const AdapterKey& key) {
  MutexLock lock(mu_);
  if (const VersionPtr version = Find(key)) StopRetaining(*version);
}

void AdapterStore::StartRetaining(const VersionPtr& version) {
  if (version->retained) return;
  version->retained = true;
  HoldCopy(*version);
  UpdateHeld();
  if (version->retained_host || version->promotion != nullptr) return;
  if (!version->retained_device || HostCanHold(*version)) ReadHostCopy(version);
}

// Holds the copy that a retained version keeps: that in host memory where that
// is possible, so that the device is free for others.
void AdapterStore::HoldCopy(StoredVersion& version) {
  if (version.retained_host) return;
  HostHandle host = host_cache_.Lookup(version.key);
  AdapterHandle device = device_cache_.Lookup(version.key);
  if (host && (!device || HostCanHold(version))) {
    version.retained_host = std::move(host);
    version.retained_device.Reset();
  } else {
    version.retained_device = std::move(device);
  }
}

// Whether every version can still be read if the host copy of `version` is held
// beside those that are: who waits for that may be its user.
bool AdapterStore::HostCanHold(const StoredVersion& version) const {
  int64_t held_bytes = version.host_bytes;
  int64_t largest_bytes = 0;
  for (const auto& [key, other] : versions_) {
    if (other->retained_host) held_bytes += other->host_bytes;
    largest_bytes = std::max(largest_bytes, other->host_bytes);
  }
  return held_bytes + largest_bytes <= options_.host_capacity_bytes;
}

// To be called after every change of what is held.
void AdapterStore::UpdateHeld() {
  int64_t host_bytes = 0;
  int64_t device_bytes = 0;
  for (const auto& [key, version] : versions_) {
    if (version->retained_host) host_bytes += version->host_bytes;
    if (IsHeld(*version)) device_bytes += version->device_bytes;
  }
  reader_.SetHeld(host_bytes);
  if (std::exchange(held_bytes_, device_bytes) == device_bytes) return;
  device_queue_.SetHeld(device_bytes);
  for (const SetPtr& set : std::vector<SetPtr>(turns_)) RetakeTurn(set);
}

void AdapterStore::StopRetaining(StoredVersion& version) {
  if (!std::exchange(version.retained, false)) return;
  version.retained_host.Reset();
  version.retained_device.Reset();
  UpdateHeld();
  if (!WantsHostCopy(version.key)) host_cache_.Doom(version.key);
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
          if (version->retained) {
            HoldCopy(*version);
            UpdateHeld();
          }
          if ((!host.ok() || host->key() != version->key) &&
              !version->retained_device) {
            LogWarn("host_copy_failed", {{"adapter", version->key.id.value()},
                                         {"digest", version->key.digest}});
          }
          // What Remove awaits is doomed, and counted, by after_work.
          const bool awaited =
              version->removed && host.ok() && host->key() == version->key;
          if (host.ok() && !awaited && !WantsHostCopy(host->key())) {
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

// Whether a host copy of `key` is of use to a version.
bool AdapterStore::WantsHostCopy(const AdapterKey& key) const {
  const VersionPtr version = Find(key);
  return version != nullptr &&
         !(device_cache_.Contains(key) && DropsHostCopy(*version));
}

bool AdapterStore::DropsHostCopy(const StoredVersion& version) const {
  return options_.host_copy == HostCopy::kDropAfterUpload &&
         version.warm_tier == WarmTier::kDisk && !version.retained;
}

}  // namespace lora
