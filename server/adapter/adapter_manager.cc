// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_manager.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_filter.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status NoSuchAdapter(const AdapterId& id) {
  return Error(absl::StatusCode::kNotFound, ErrorReason::kAdapter,
               absl::StrCat("there is no adapter '", id.value(),
                            "'; load it with LoadAdapter, or see ListAdapters "
                            "for those there are"));
}

// How the store has to keep `version` of `record`.
AdapterStore::VersionOptions StoreOptions(const AdapterRecord& record,
                                          const AdapterVersion& version) {
  return {.source = version.source,
          .load = version.load_options,
          .warm_tier = record.warm_tier};
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdapterManager>> AdapterManager::Create(
    AdapterManagerOptions options, std::unique_ptr<AdapterLoader> loader,
    AdapterUploader* uploader, const Clock* clock, SyncPoints* sync) {
  std::unique_ptr<AdapterManager> manager(new AdapterManager(
      std::move(options), std::move(loader), uploader, clock, sync));
  LORA_ASSIGN_OR_RETURN(const std::vector<DeclaredAdapter> adapters,
                        manager->manifest_.Open());
  for (const DeclaredAdapter& adapter : adapters) {
    LORA_RETURN_IF_ERROR(manager->Declare(adapter));
  }
  return manager;
}

AdapterManager::AdapterManager(AdapterManagerOptions options,
                               std::unique_ptr<AdapterLoader> loader,
                               AdapterUploader* uploader, const Clock* clock,
                               SyncPoints* sync)
    : options_(std::move(options)),
      loader_(std::move(loader)),
      clock_(clock),
      sync_(sync),
      manifest_(options_.state_dir),
      store_(options_.store, loader_.get(), uploader, clock, sync) {}

AdapterManager::~AdapterManager() { Close(); }

void AdapterManager::Close() {
  {
    Deferred deferred;
    MutexLock lock(mu_);
    closed_ = true;
    const absl::Status status = CheckOpen();
    while (!waits_.empty()) FailWait(waits_.begin()->first, status, deferred);
    for (const auto& [id, record] : records_) {
      if (record->job != nullptr) CancelJob(*record->job, status);
      record->queued_jobs.clear();
    }
  }
  store_.Close();
}

absl::Status AdapterManager::CheckOpen() const {
  if (!closed_) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, ErrorReason::kDraining,
               "the server is shutting down; call another one");
}

absl::Status AdapterManager::Register(const DeclaredAdapter& adapter) {
  LORA_RETURN_IF_ERROR(CheckAdapterId(adapter.id.value()));
  LORA_RETURN_IF_ERROR(loader_->Measure(adapter.source).status());
  LORA_RETURN_IF_ERROR(Declare(adapter));
  SaveManifest([] {});
  MutexLock lock(mu_);
  StartIfPinned(*Find(adapter.id));
  return absl::OkStatus();
}

void AdapterManager::LoadPinned() {
  MutexLock lock(mu_);
  for (const auto& [id, record] : records_) StartIfPinned(*record);
}

// Loads a declared adapter that is to be on the device, unless it is or comes.
void AdapterManager::StartIfPinned(AdapterRecord& record) {
  if (record.pinned && record.serving == nullptr && record.job == nullptr &&
      record.lifecycle.state() == AdapterState::kReady) {
    StartDemandJob(record)->background = true;
  }
}

absl::Status AdapterManager::Declare(const DeclaredAdapter& adapter) {
  MutexLock lock(mu_);
  AdapterRecord* record = Find(adapter.id);
  const bool known = record != nullptr && record->source == adapter.source;
  if (record != nullptr &&
      (record->serving != nullptr || record->job != nullptr)) {
    if (known) return absl::OkStatus();
    return Error(
        absl::StatusCode::kAlreadyExists, ErrorReason::kAdapterExists,
        absl::StrCat("adapter '", adapter.id.value(), "' was loaded from ",
                     record->source, "; it cannot be declared with ",
                     adapter.source, " as well"));
  }
  if (record == nullptr) {
    LORA_ASSIGN_OR_RETURN(record, NewRecord(adapter.id, AdapterState::kReady));
  }
  record->declared = true;
  record->source = adapter.source;
  record->declared_digest = adapter.digest;
  record->options = adapter.options;
  // What was set at run time stays, unless it is about other files.
  record->pinned = adapter.pinned || (known && record->pinned);
  if (!known || adapter.warm_tier != WarmTier::kDisk) {
    record->warm_tier = adapter.warm_tier;
  }
  if (!known || !adapter.labels.empty()) record->labels = adapter.labels;
  PublishUpdate(*record);
  return absl::OkStatus();
}

void AdapterManager::Update(const UpdateAdapterSpec& spec, InfoCallback done) {
  absl::StatusOr<AdapterInfo> info = UpdateNow(spec);
  if (!info.ok()) {
    std::move(done)(std::move(info));
    return;
  }
  SaveManifest([done = std::move(done), info = std::move(info)]() mutable {
    std::move(done)(std::move(info));
  });
}

absl::StatusOr<AdapterInfo> AdapterManager::UpdateNow(
    const UpdateAdapterSpec& spec) {
  LORA_RETURN_IF_ERROR(CheckAdapterId(spec.id.value()));
  MutexLock lock(mu_);
  LORA_RETURN_IF_ERROR(CheckOpen());
  AdapterRecord* const record = Find(spec.id);
  if (record == nullptr) return NoSuchAdapter(spec.id);
  LORA_RETURN_IF_ERROR(Apply(*record, spec));
  LogInfo(
      "adapter_updated",
      {{"adapter", record->id.value()},
       {"pinned", record->pinned},
       {"warm_tier", record->warm_tier == WarmTier::kHost ? "HOST" : "DISK"},
       {"labels", record->labels.size()}});
  PublishUpdate(*record);
  return MakeInfo(*record);
}

absl::StatusOr<AdapterInfo> AdapterManager::Get(const AdapterId& id) const {
  LORA_RETURN_IF_ERROR(CheckAdapterId(id.value()));
  MutexLock lock(mu_);
  const AdapterRecord* const record = Find(id);
  if (record == nullptr) return NoSuchAdapter(id);
  return MakeInfo(*record);
}

AdapterTier AdapterManager::TierOf(const AdapterId& id) const {
  MutexLock lock(mu_);
  const AdapterRecord* const record = Find(id);
  if (record == nullptr || record->serving == nullptr) {
    return AdapterTier::kDisk;
  }
  return store_.TierOf(record->serving->key);
}

absl::StatusOr<AdapterPage> AdapterManager::List(
    const std::string& filter_text, int32_t page_size,
    const std::string& page_token) const {
  constexpr int32_t kDefaultPageSize = 100;
  constexpr int32_t kMaxPageSize = 1000;
  if (page_size < 0) {
    return Error(
        absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
        absl::StrCat("page_size is ", page_size,
                     "; use 0 for the default or 1 to ", kMaxPageSize));
  }
  const size_t limit =
      page_size == 0 ? kDefaultPageSize : std::min(page_size, kMaxPageSize);
  LORA_ASSIGN_OR_RETURN(const AdapterFilter filter,
                        AdapterFilter::Parse(filter_text));
  AdapterId after;  // Empty: smaller than every id.
  if (!page_token.empty()) {
    LORA_ASSIGN_OR_RETURN(after, DecodePageToken(page_token));
  }
  AdapterPage page;
  MutexLock lock(mu_);
  for (auto it = records_.upper_bound(after); it != records_.end(); ++it) {
    AdapterInfo info = MakeInfo(*it->second);
    if (!filter.Matches(info)) continue;
    if (page.adapters.size() == limit) {
      page.next_page_token = EncodePageToken(page.adapters.back().id);
      break;
    }
    page.adapters.push_back(std::move(info));
  }
  return page;
}

WaitId AdapterManager::Watch(WatchCallback callback) {
  const WaitId id = NextWaitId();
  std::vector<AdapterEvent> snapshot;
  MutexLock lock(mu_);
  for (const auto& [adapter_id, record] : records_) {
    snapshot.push_back({AdapterEvent::Type::kSnapshot, MakeInfo(*record)});
  }
  watch_hub_.Add(id, std::move(callback), std::move(snapshot));
  return id;
}

void AdapterManager::Unwatch(WaitId id) { watch_hub_.Remove(id); }

void AdapterManager::PublishChange(absl::Span<const AdapterId> ids) {
  MutexLock lock(mu_);
  for (const AdapterId& id : ids) {
    const AdapterRecord* const record = Find(id);
    if (record != nullptr) PublishUpdate(*record);
  }
}

void AdapterManager::AddDependent(AdapterDependent* dependent) {
  MutexLock lock(mu_);
  dependents_.push_back(dependent);
}

AdapterStats AdapterManager::Stats() const {
  AdapterStats stats;
  store_.AddStats(stats);
  MutexLock lock(mu_);
  for (const auto& [id, record] : records_) {
    const AdapterState state = record->lifecycle.state();
    stats.num_loading += state == AdapterState::kLoading;
    stats.num_ready += state == AdapterState::kReady;
    stats.num_draining += state == AdapterState::kDraining;
    stats.num_failed += state == AdapterState::kFailed;
    stats.num_leases += record->num_leases();
  }
  return stats;
}

absl::Status AdapterManager::CheckIntegrity() const {
  LORA_RETURN_IF_ERROR(store_.CheckIntegrity());
  MutexLock lock(mu_);
  for (const auto& [id, record] : records_) {
    LORA_RETURN_IF_ERROR(CheckRecord(*record));
  }
  return absl::OkStatus();
}

absl::Status AdapterManager::CheckRecord(const AdapterRecord& record) const {
  const AdapterState state = record.lifecycle.state();
  const auto broken = [&](absl::string_view what) {
    return absl::InternalError(absl::StrCat("adapter '", record.id.value(),
                                            "' is ", AdapterStateName(state),
                                            ": ", what));
  };
  if ((state == AdapterState::kDraining) != (record.drain != nullptr)) {
    return broken("its drain disagrees");
  }
  if (state == AdapterState::kLoading &&
      (record.job == nullptr || record.serving != nullptr)) {
    return broken("nothing loads, or a version serves");
  }
  if (state == AdapterState::kFailed &&
      (record.serving != nullptr || record.error.ok())) {
    return broken("a version serves, or there is no error");
  }
  if (state == AdapterState::kReady && record.serving == nullptr &&
      !record.declared) {
    return broken("no version serves");
  }
  if (record.serving != nullptr && !record.serving->serving) {
    return broken("its version does not serve");
  }
  for (const VersionPtr& version : record.retired) {
    if (version->serving || (version->num_leases == 0 && !version->loading)) {
      return broken("a retired version serves or is not used");
    }
  }
  // A load of the content that serves may ask for more than the record says,
  // until it ends; the end of an unload takes the version from the store.
  if (record.serving == nullptr || record.serving->loading ||
      (record.drain != nullptr && record.drain->finishing)) {
    return absl::OkStatus();
  }
  if (record.serving->source != record.source) return broken("of two sources");
  return store_.CheckVersion(record.serving->key,
                             StoreOptions(record, *record.serving),
                             record.pinned);
}

AdapterRecord* AdapterManager::Find(const AdapterId& id) const {
  const auto it = records_.find(id);
  return it == records_.end() ? nullptr : it->second.get();
}

absl::StatusOr<AdapterRecord*> AdapterManager::NewRecord(const AdapterId& id,
                                                         AdapterState state) {
  if (static_cast<int64_t>(records_.size()) >= options_.max_adapters) {
    return Error(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
                 absl::StrCat("there are ", records_.size(),
                              " adapters, as many as this server takes; "
                              "unload one first"));
  }
  auto record = std::make_unique<AdapterRecord>(state);
  record->id = id;
  record->create_time = clock_->Now();
  return records_.emplace(id, std::move(record)).first->second.get();
}

absl::Status AdapterManager::Apply(AdapterRecord& record,
                                   const UpdateAdapterSpec& spec) {
  if (spec.pinned.has_value()) {
    LORA_RETURN_IF_ERROR(SetPinned(record, *spec.pinned));
  }
  if (spec.warm_tier.has_value()) {
    record.warm_tier = *spec.warm_tier;
    if (const VersionPtr& version = record.serving; version != nullptr) {
      store_.SetOptions(version->key, StoreOptions(record, *version));
    }
  }
  if (spec.labels.has_value()) record.labels = *spec.labels;
  return absl::OkStatus();
}

// Pins the serving version and the one that is about to serve, or neither.
absl::Status AdapterManager::SetPinned(AdapterRecord& record, bool pinned) {
  const VersionPtr& serving = record.serving;
  const VersionPtr next =
      record.job == nullptr ? nullptr : record.job->candidate;
  const bool next_counts = next != nullptr && next != serving && next->loading;
  if (serving != nullptr) {
    LORA_RETURN_IF_ERROR(store_.SetPinned(serving->key, pinned));
  }
  if (next_counts) {
    absl::Status status =
        pinned ? Pin(record, next->key) : store_.SetPinned(next->key, false);
    if (!status.ok()) {
      if (serving != nullptr) {
        (void)store_.SetPinned(serving->key, record.pinned);
      }
      return status;
    }
  }
  record.pinned = pinned;
  StartIfPinned(record);
  return absl::OkStatus();
}

// Pins the version that serves or is about to.
absl::Status AdapterManager::Pin(const AdapterRecord& record,
                                 const AdapterKey& key) {
  const VersionPtr& serving = record.serving;
  if (serving == nullptr || serving->key == key) {
    return store_.SetPinned(key, true);
  }
  return store_.PinSuccessor(key, serving->key);
}

// Makes the store keep `version` as its record says.
void AdapterManager::SyncStore(AdapterRecord& record,
                               const AdapterVersion& version) {
  store_.SetOptions(version.key, StoreOptions(record, version));
  const bool pinned = version.serving && record.pinned;
  if (store_.SetPinned(version.key, pinned).ok()) return;
  record.pinned = false;
  LogWarn("adapter_unpinned",
          {{"adapter", record.id.value()}, {"reason", "no_room"}});
}

AdapterInfo AdapterManager::MakeInfo(const AdapterRecord& record) const {
  AdapterInfo info{
      .id = record.id,
      .digest = record.declared_digest,
      .source = record.source,
      .state = record.lifecycle.state(),
      .pinned = record.pinned,
      .warm_tier = record.warm_tier,
      .inflight_requests = record.num_leases(),
      .requests_total = record.requests_total,
      .labels = record.labels,
      .create_time = record.create_time,
      .last_used_time = record.last_used_time,
      .error = record.error,
  };
  if (const VersionPtr& version = record.serving; version != nullptr) {
    info.digest = version->key.digest;
    info.tier = store_.TierOf(version->key);
    info.kind = version->kind;
    info.format = version->format;
    info.rank = version->rank;
    info.target_modules = version->target_modules;
    info.host_bytes =
        store_.HasHostCopy(version->key) ? version->host_bytes : 0;
    info.device_bytes =
        info.tier == AdapterTier::kDevice ? version->device_bytes : 0;
    info.warnings = version->warnings;
    info.load_time = version->load_time;
  }
  if (const JobPtr& job = record.job; job != nullptr) {
    info.pending = PendingVersion{
        .digest = job->candidate == nullptr ? "" : job->candidate->key.digest,
        .progress = job->progress};
  }
  return info;
}

void AdapterManager::PublishUpdate(const AdapterRecord& record) {
  if (!watch_hub_.has_watchers()) return;
  watch_hub_.Publish({AdapterEvent::Type::kUpdated, MakeInfo(record)});
}

void AdapterManager::Transit(AdapterRecord& record, AdapterState to) {
  const AdapterState from = record.lifecycle.state();
  if (absl::Status status = record.lifecycle.Transition(from, to);
      !status.ok()) {
    LogError("bad_transition",
             {{"adapter", record.id.value()}, {"error", status.ToString()}});
  }
}

void AdapterManager::SaveManifest(SavedCallback saved) {
  {
    MutexLock lock(mu_);
    after_save_.push_back(std::move(saved));
    if (saving_) return;
    saving_ = true;
    if (!closed_) {
      store_.pool().Post([this] { WriteManifests(); });
      return;
    }
  }
  WriteManifests();  // The pool may have ended.
}

// Writes until nobody waits for it: who came during a write needs another one.
void AdapterManager::WriteManifests() {
  while (true) {
    std::vector<SavedCallback> saved;
    std::vector<DeclaredAdapter> adapters;
    uint64_t sequence = 0;
    {
      MutexLock lock(mu_);
      if (after_save_.empty()) {
        saving_ = false;
        return;
      }
      saved.swap(after_save_);
      adapters = Declared();
      sequence = ++manifest_sequence_;
    }
    ReachSyncPoint(sync_, "AdapterManager::WriteManifests");
    if (absl::Status status = manifest_.Save(adapters, sequence);
        !status.ok()) {
      LogError("manifest_not_saved", {{"error", status.ToString()}});
    }
    for (SavedCallback& callback : saved) std::move(callback)();
  }
}

std::vector<DeclaredAdapter> AdapterManager::Declared() const {
  std::vector<DeclaredAdapter> adapters;
  for (const auto& [id, record] : records_) {
    if (!record->declared) continue;
    adapters.push_back({.id = id,
                        .source = record->source,
                        .digest = record->serving != nullptr
                                      ? record->serving->key.digest
                                      : record->declared_digest,
                        .options = record->options,
                        .pinned = record->pinned,
                        .warm_tier = record->warm_tier,
                        .labels = record->labels});
  }
  return adapters;
}

}  // namespace lora
