// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/adapter_store.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/base/trim_memory.h"

namespace lora {
namespace {

constexpr int kUploadThreads = 1;  // Uploads share one bus, or the memory's.
// One more than can be busy with the manifest.
constexpr int kControlThreads = 2;

absl::Status Removed(const AdapterKey& key) {
  return absl::CancelledError(
      absl::StrCat("adapter '", key.id.value(), "' was unloaded"));
}

absl::Status NeverFits(int64_t bytes, int64_t pinned_bytes, int64_t capacity) {
  return Error(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
               absl::StrCat("the request needs ", bytes,
                            " bytes of adapters on the "
                            "device; the budget is ",
                            capacity,
                            " and other pinned "
                            "adapters hold ",
                            pinned_bytes,
                            " of it: unpin some, or "
                            "raise --device-memory"));
}

}  // namespace

AdapterStore::AdapterStore(const AdapterStoreOptions& options,
                           AdapterLoader* loader, AdapterUploader* uploader,
                           const Clock* clock, SyncPoints* sync)
    : options_(options),
      uploader_(uploader),
      clock_(clock),
      sync_(sync),
      loaders_(options.loader_threads, &threads_),
      uploads_(kUploadThreads, &threads_),
      control_(kControlThreads, &threads_),
      timers_(clock),
      reader_({.loader = loader,
               .cache = &host_cache_,
               .loaders = &loaders_,
               .control = &control_,
               .sync = sync}),
      device_queue_(&device_cache_, &uploads_),
      host_cache_(options.host_capacity_bytes, &reclaimer_,
                  [](const AdapterKey& key, int64_t bytes) {
                    LogDebug("host_copy_evicted", {{"adapter", key.id.value()},
                                                   {"digest", key.digest},
                                                   {"bytes", bytes}});
                  }),
      device_cache_(options.device_capacity_bytes, &reclaimer_,
                    [](const AdapterKey& key, int64_t bytes) {
                      LogInfo("adapter_evicted", {{"adapter", key.id.value()},
                                                  {"digest", key.digest},
                                                  {"device_bytes", bytes}});
                    }),
      promoter_({.host_cache = &host_cache_,
                 .reader = &reader_,
                 .device_queue = &device_queue_,
                 .uploader = uploader,
                 .uploads = &uploads_,
                 .control = &control_,
                 .forget_unused =
                     [this](const AdapterKey& key,
                            absl::AnyInvocable<void() &&> done) {
                       ForgetUnused(key, std::move(done));
                     },
                 .sync = sync}) {}

AdapterStore::~AdapterStore() { Close(); }

void AdapterStore::Close() {
  timers_.Stop();
  std::vector<AdapterKey> keys;
  {
    MutexLock lock(mu_);
    for (const auto& [key, version] : versions_) keys.push_back(key);
  }
  for (const AdapterKey& key : keys) Remove(key, [](Freed) {});
  device_queue_.Close(absl::CancelledError("the server is stopping"));
  reader_.Close();
  threads_.AwaitIdle();
  for (TaskPool* pool : {&loaders_, &uploads_, &control_}) pool->Stop();
}

std::shared_ptr<HostReader::Read> AdapterStore::Read(
    HostReader::Request request, LoadProgress::Listener listener,
    HostReader::Done done) {
  return reader_.Start(std::move(request), std::move(listener),
                       std::move(done));
}

void AdapterStore::CancelRead(const std::shared_ptr<HostReader::Read>& read) {
  reader_.Cancel(read);
}

absl::Status AdapterStore::Add(const HostAdapter& host,
                               VersionOptions options) {
  const int64_t device_bytes = DeviceBytes(host);
  MutexLock lock(mu_);
  VersionPtr& version = versions_[host.key];
  if (version == nullptr) {
    if (device_bytes > options_.device_capacity_bytes - pinned_bytes_) {
      versions_.erase(host.key);
      return NeverFits(device_bytes, pinned_bytes_,
                       options_.device_capacity_bytes);
    }
    version = std::make_shared<StoredVersion>();
    version->key = host.key;
    version->host_bytes = host.host_bytes();
    version->device_bytes = device_bytes;
  }
  version->source = std::move(options.source);
  version->load_options = options.load;
  version->warm_tier = options.warm_tier;
  return absl::OkStatus();
}

absl::Status AdapterStore::CheckFits(const HostAdapter& host) const {
  const int64_t device_bytes = DeviceBytes(host);
  MutexLock lock(mu_);
  if (device_bytes <= options_.device_capacity_bytes - pinned_bytes_) {
    return absl::OkStatus();
  }
  return NeverFits(device_bytes, pinned_bytes_, options_.device_capacity_bytes);
}

void AdapterStore::ForgetUnused(const AdapterKey& key,
                                absl::AnyInvocable<void() &&> done) {
  MutexLock lock(mu_);
  if (WantsHostCopy(key)) {
    control_.Post(std::move(done));
    return;
  }
  host_cache_.Doom(key, [this, done = std::move(done)](int64_t) mutable {
    control_.Post(std::move(done));
  });
}

void AdapterStore::Remove(const AdapterKey& key, FreedCallback done) {
  // Hears of both tiers, in any order.
  struct Removal {
    std::atomic<int64_t> host_bytes{0};
    std::atomic<int64_t> device_bytes{0};
    std::atomic<int> num_awaited{2};
    FreedCallback done;
  };
  auto removal = std::make_shared<Removal>();
  removal->done = std::move(done);
  const auto on_freed = [this, removal](std::atomic<int64_t>& counter) {
    return [this, removal, &counter](int64_t bytes) {
      counter = bytes;
      if (--removal->num_awaited > 0) return;
      control_.Post([removal] {
        std::move(removal->done)(
            {removal->host_bytes.load(), removal->device_bytes.load()});
      });
    };
  };
  auto deferred = std::make_unique<Deferred>();
  MutexLock lock(mu_);
  for (const SetPtr& set : std::vector<SetPtr>(turns_)) {
    if (std::find(set->keys.begin(), set->keys.end(), key) != set->keys.end()) {
      FinishSet(set, Removed(key), *deferred);
    }
  }
  Answer(std::move(deferred));
  if (const auto node = versions_.extract(key); !node.empty()) {
    StoredVersion& version = *node.mapped();
    version.removed = true;
    pinned_bytes_ -= version.counted_bytes;
    const bool held = IsHeld(version) || version.retained_host;
    version.pin.Reset();
    version.hold.Reset();
    version.retained_device.Reset();
    version.retained_host.Reset();
    if (held) UpdateHeld();
    if (version.promotion != nullptr) StopPromotion(version, Removed(key));
    if (version.host_read != nullptr) reader_.Cancel(version.host_read);
    if (version.promotion != nullptr || version.host_read != nullptr) {
      device_cache_.Doom(key, on_freed(removal->device_bytes));
      version.after_work = [this, key,
                            freed = on_freed(removal->host_bytes)]() mutable {
        MutexLock lock(mu_);
        // The same content may have been added again: the copy is in use.
        if (versions_.contains(key)) {
          std::move(freed)(0);
        } else {
          host_cache_.Doom(key, std::move(freed));
        }
      };
      return;
    }
  }
  device_cache_.Doom(key, on_freed(removal->device_bytes));
  host_cache_.Doom(key, on_freed(removal->host_bytes));
}

absl::StatusOr<std::vector<AdapterHandle>> AdapterStore::TryAcquireAll(
    absl::Span<const AdapterKey> keys) {
  std::vector<AdapterHandle> handles;
  handles.reserve(keys.size());
  for (const AdapterKey& key : keys) {
    handles.push_back(device_cache_.Lookup(key));
    if (!handles.back()) {
      return absl::UnavailableError(absl::StrCat("adapter '", key.id.value(),
                                                 "' is not on the device now"));
    }
  }
  MutexLock lock(mu_);
  for (const AdapterKey& key : keys) {
    const auto it = versions_.find(key);
    if (it != versions_.end()) it->second->hold.Reset();
  }
  return handles;
}

bool AdapterStore::WaitsForRoom(absl::Span<const AdapterKey> keys) const {
  MutexLock lock(mu_);
  int64_t missing_bytes = 0;
  for (const AdapterKey& key : keys) {
    const VersionPtr version = Find(key);
    if (version == nullptr || device_cache_.Contains(key)) continue;
    missing_bytes += version->device_bytes;
  }
  // Reservations are loads under way: they end by themselves.
  return missing_bytes >
         options_.device_capacity_bytes - device_cache_.usage().pinned;
}

void AdapterStore::TrimMemory() {
  if (trims_.exchange(true)) return;
  reclaimer_.Post([this] {
    trims_ = false;
    lora::TrimMemory();
    ReachSyncPoint(sync_, "AdapterStore::TrimMemory");
  });
}

AdapterTier AdapterStore::TierOf(const AdapterKey& key) const {
  if (device_cache_.Contains(key)) return AdapterTier::kDevice;
  if (host_cache_.Contains(key)) return AdapterTier::kHost;
  return AdapterTier::kDisk;
}

bool AdapterStore::HasHostCopy(const AdapterKey& key) const {
  return host_cache_.Contains(key);
}

int64_t AdapterStore::DeviceBytes(const HostAdapter& host) const {
  return uploader_->DeviceBytes(host.spec);
}

void AdapterStore::AddStats(AdapterStats& stats) const {
  const auto fill = [](const auto& cache, TierStats& tier) {
    const auto usage = cache.usage();
    tier = {.capacity_bytes = cache.capacity_bytes(),
            .used_bytes = usage.used(),
            .pinned_bytes = usage.pinned,
            .num_evictions = cache.num_evictions()};
  };
  fill(host_cache_, stats.host);
  fill(device_cache_, stats.device);
  MutexLock lock(mu_);
  stats.num_loads = num_loads_;
  stats.num_load_failures = num_load_failures_;
}

absl::Status AdapterStore::CheckIntegrity() const {
  LORA_RETURN_IF_ERROR(host_cache_.CheckIntegrity());
  LORA_RETURN_IF_ERROR(device_cache_.CheckIntegrity());
  MutexLock lock(mu_);
  int64_t pinned_bytes = 0;
  for (const auto& [key, version] : versions_) {
    pinned_bytes += version->counted_bytes;
    if (version->counted_bytes >
        (version->pinned ? version->device_bytes : 0)) {
      return absl::InternalError("more is counted as pinned than there is");
    }
    if (version->removed) return absl::InternalError("removed but listed");
    if (version->pin && !version->pinned) {
      return absl::InternalError("kept on the device, but not pinned");
    }
    if (version->promotion == nullptr &&
        !(version->waiters.empty() && version->next_waiters.empty())) {
      return absl::InternalError("somebody waits for no promotion");
    }
  }
  for (const SetPtr& set : turns_) {
    if (set->ended) return absl::InternalError("a set ended, but not its turn");
  }
  if (pinned_bytes != pinned_bytes_ ||
      pinned_bytes > options_.device_capacity_bytes) {
    return absl::InternalError(absl::StrCat(pinned_bytes, " bytes are pinned, ",
                                            pinned_bytes_, " counted"));
  }
  return absl::OkStatus();
}

absl::Status AdapterStore::CheckVersion(const AdapterKey& key,
                                        const VersionOptions& options,
                                        bool pinned) const {
  MutexLock lock(mu_);
  const VersionPtr version = Find(key);
  const auto broken = [&key](absl::string_view what) {
    return absl::InternalError(
        absl::StrCat("the store has adapter '", key.id.value(), "' ", what));
  };
  if (version == nullptr) return broken("not at all");
  if (version->pinned != pinned) {
    return broken(version->pinned ? "pinned" : "not pinned");
  }
  if (version->source != options.source) return broken(version->source);
  if (version->warm_tier != options.warm_tier) {
    return broken("with another warm tier");
  }
  return absl::OkStatus();
}

AdapterStore::VersionPtr AdapterStore::Find(const AdapterKey& key) const {
  const auto it = versions_.find(key);
  return it == versions_.end() ? nullptr : it->second;
}

absl::Status AdapterStore::CheckSetFits(
    absl::Span<const AdapterKey> keys) const {
  int64_t bytes = 0;
  int64_t others_pinned = pinned_bytes_;
  for (const AdapterKey& key : keys) {
    const VersionPtr version = Find(key);
    if (version == nullptr) {
      return Error(absl::StatusCode::kNotFound, ErrorReason::kAdapter,
                   absl::StrCat("adapter '", key.id.value(), "' of digest ",
                                key.digest, " is not loaded any more"));
    }
    bytes += version->device_bytes;
    others_pinned -= version->counted_bytes;
  }
  if (bytes > options_.device_capacity_bytes - others_pinned) {
    return NeverFits(bytes, others_pinned, options_.device_capacity_bytes);
  }
  return absl::OkStatus();
}

}  // namespace lora
