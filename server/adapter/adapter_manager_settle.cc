// SPDX-License-Identifier: Apache-2.0
// AdapterManager: how loads end.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_manager.h"
#include "server/base/error.h"
#include "server/base/log.h"

namespace lora {
namespace {

UpdateAdapterSpec UpdatesOf(const LoadAdapterSpec& spec) {
  return {.id = spec.id,
          .pinned = spec.pinned,
          .warm_tier = spec.warm_tier,
          .labels = spec.labels};
}

// Whether the next try may succeed though the files stay as they are.
bool IsTransient(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsUnavailable(status) ||
         absl::IsResourceExhausted(status) || absl::IsAborted(status);
}

// What a request hears that waited for a load which failed.
absl::Status ForRequest(const AdapterId& id, const absl::Status& status) {
  if (IsTransient(status) || absl::IsDataLoss(status)) {
    return WithAdapter(status, id);
  }
  return WithAdapter(
      Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kState,
            absl::StrCat("adapter '", id.value(),
                         "' could not be loaded: ", status.message())),
      id);
}

}  // namespace

// The swap: from here on new requests get the candidate.
void AdapterManager::Serve(AdapterRecord& record, LoadJob& job) {
  const VersionPtr candidate = job.candidate;
  const VersionPtr old = std::exchange(record.serving, candidate);
  candidate->serving = true;
  candidate->loading = false;
  candidate->source = job.spec.source;
  candidate->load_options = job.spec.options;
  if (old != candidate) {
    std::erase(record.retired, candidate);
    store_.Unretain(candidate->key);
    candidate->load_time = clock_->Now();
  }
  if (old != nullptr && old != candidate) {
    old->serving = false;
    (void)store_.SetPinned(old->key, false);  // Unpinning cannot fail.
    record.retired.push_back(old);
    if (old->num_leases == 0) {
      Discard(record, old);
    } else {
      store_.Retain(old->key);
    }
  }
  record.source = job.spec.source;
  record.options = job.spec.options;
  record.declared = true;
  record.declared_digest.clear();
  record.error = absl::OkStatus();
  if (record.lifecycle.state() == AdapterState::kLoading) {
    Transit(record, AdapterState::kReady);
  }
  job.closed = true;
  for (const WaitId id : job.waits) {
    const auto wait = waits_.find(id);
    if (wait == waits_.end()) continue;
    if (auto* load = std::get_if<LoadWait>(&wait->second)) {
      load->applied = Apply(record, UpdatesOf(load->spec));
    }
  }
  // Who asked for more has left, or the record has changed since.
  SyncStore(record, *candidate);
  LogInfo("adapter_loaded",
          {{"adapter", record.id.value()},
           {"digest", candidate->key.digest},
           {"source", record.source},
           {"device_bytes", candidate->device_bytes},
           {"replaced", old != nullptr && old != candidate},
           {"seconds", absl::ToDoubleSeconds(clock_->Now() - job.start_time)}});
}

// Gives back what a replaced version holds.
void AdapterManager::Discard(AdapterRecord& record, const VersionPtr& version) {
  std::erase(record.retired, version);
  ++record.num_discarding;
  store_.Remove(version->key, [this, key = version->key, drain = record.drain](
                                  AdapterStore::Freed freed) {
    const int64_t merged_bytes = ReleaseCopies(key);
    LogInfo("adapter_version_dropped", {{"adapter", key.id.value()},
                                        {"digest", key.digest},
                                        {"host_bytes", freed.host_bytes},
                                        {"device_bytes", freed.device_bytes},
                                        {"merged_bytes", merged_bytes}});
    OnFreed(drain, freed, merged_bytes);
    MutexLock lock(mu_);
    AdapterRecord& record = *Find(key.id);
    --record.num_discarding;
    MaybeFinishDrain(record);
  });
}

// After a failure, first gives back what the candidate holds.
void AdapterManager::EndJob(const JobPtr& job, const absl::Status& status) {
  VersionPtr unused;
  std::shared_ptr<Drain> drain;
  if (const VersionPtr& candidate = job->candidate; candidate != nullptr) {
    MutexLock lock(mu_);
    AdapterRecord& record = *Find(job->spec.id);
    candidate->loading = false;
    if (record.serving != nullptr && record.serving != candidate) {
      store_.Unretain(record.serving->key);
    }
    if (!candidate->serving && candidate->num_leases == 0) {
      unused = candidate;
      drain = record.drain;
      std::erase(record.retired, unused);
    } else if (!status.ok()) {
      SyncStore(record, *candidate);
    }
  }
  if (unused == nullptr) {
    FinishJob(job, status);
    return;
  }
  const AdapterKey& key = unused->key;
  store_.Remove(key,
                [this, job, status, key, drain](AdapterStore::Freed freed) {
                  OnFreed(drain, freed, ReleaseCopies(key));
                  FinishJob(job, status);
                });
}

void AdapterManager::FinishJob(const JobPtr& job, const absl::Status& status) {
  Deferred deferred;
  MutexLock lock(mu_);
  const AdapterId& id = job->spec.id;
  Find(id)->job = nullptr;
  job->closed = true;
  if (!status.ok()) {
    LogWarn("adapter_load_failed", {{"adapter", id.value()},
                                    {"source", job->spec.source},
                                    {"error", status.ToString()}});
    SettleFailure(*Find(id), *job, status);
  }
  AdapterRecord* const record = Find(id);
  if (record != nullptr) StartNextJob(*record);
  SettleWaits(*job, status, deferred);
  if (record == nullptr) return;
  PublishUpdate(*record);
  MaybeFinishDrain(*record);
}

// Decides what becomes of an adapter whose load failed. Only a load of what is
// declared says anything about that; after somebody's own, all is as before.
void AdapterManager::SettleFailure(AdapterRecord& record, const LoadJob& job,
                                   const absl::Status& status) {
  std::erase_if(record.queued_jobs,
                [](const JobPtr& job) { return !job->cancelled.ok(); });
  if (record.lifecycle.state() == AdapterState::kDraining) return;
  if (record.serving != nullptr) {
    if (!absl::IsCancelled(status)) record.error = status;
    return;
  }
  if (record.declared) {
    AdapterState state = job.state_before;
    if (job.on_demand && !IsTransient(status)) {
      record.error = status;
      state = AdapterState::kFailed;
    }
    Transit(record, state);
    return;
  }
  if (!record.queued_jobs.empty()) return;  // The next one may succeed.
  watch_hub_.Publish({AdapterEvent::Type::kRemoved, MakeInfo(record)});
  records_.erase(AdapterId(record.id));  // A failed load leaves no trace.
}

void AdapterManager::SettleWaits(LoadJob& job, const absl::Status& status,
                                 Deferred& deferred) {
  // A load that was stopped for want of waiters may have got one since, and one
  // that was somebody's own need not fail a request.
  const bool tries_again = status.ok() || absl::IsCancelled(job.cancelled) ||
                           (!job.on_demand && Find(job.spec.id) != nullptr);
  for (const WaitId id : std::exchange(job.waits, {})) {
    auto node = waits_.extract(id);
    if (node.empty()) continue;
    if (auto* lease = std::get_if<LeaseWait>(&node.mapped())) {
      if (tries_again) {
        TryLease(id, std::move(*lease), deferred);
        continue;
      }
      for (const JobPtr& other : lease->jobs) LeaveJob(*other, id);
      deferred.Add([done = std::move(lease->done),
                    failure = ForRequest(job.spec.id, status)]() mutable {
        std::move(done)(failure);
      });
      continue;
    }
    LoadWait& load = std::get<LoadWait>(node.mapped());
    const absl::Status outcome = status.ok() ? load.applied : status;
    absl::StatusOr<AdapterInfo> info =
        outcome.ok() ? absl::StatusOr<AdapterInfo>(MakeInfo(*Find(job.spec.id)))
                     : outcome;
    deferred.Add(
        [done = std::move(load.done), info = std::move(info)]() mutable {
          std::move(done)(std::move(info));
        });
  }
}

void AdapterManager::StartNextJob(AdapterRecord& record) {
  while (record.job == nullptr && !record.queued_jobs.empty()) {
    const JobPtr next = record.queued_jobs.front();
    record.queued_jobs.pop_front();
    if (next->cancelled.ok()) StartJob(record, next);
  }
}

void AdapterManager::CancelJob(LoadJob& job, const absl::Status& status) {
  if (job.cancelled.ok()) job.cancelled = status;
  if (job.read != nullptr) store_.CancelRead(job.read);
  if (job.candidate != nullptr) store_.CancelPromote(job.candidate->key);
}

}  // namespace lora
