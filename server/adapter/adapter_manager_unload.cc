// SPDX-License-Identifier: Apache-2.0
// AdapterManager: how adapters go.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_manager.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"

namespace lora {

WaitId AdapterManager::Unload(UnloadAdapterSpec spec, UnloadCallback done) {
  const WaitId id = NextWaitId();
  Deferred deferred;
  MutexLock lock(mu_);
  if (absl::Status status = CheckUnloadable(spec.id); !status.ok()) {
    deferred.Add([done = std::move(done), status]() mutable {
      std::move(done)(status);
    });
    return id;
  }
  AdapterRecord* const record = Find(spec.id);
  waits_.emplace(id, UnloadWait{std::move(done)});
  auto drain = std::make_shared<Drain>();
  drain->spec = std::move(spec);
  drain->wait = id;
  record->drain = drain;
  Transit(*record, AdapterState::kDraining);
  CancelJobs(*record, deferred);
  LogInfo("adapter_draining", {{"adapter", record->id.value()},
                               {"inflight", record->num_leases()},
                               {"force", drain->spec.force}});
  PublishUpdate(*record);
  drain->timer =
      store_.timers().Schedule(clock_->Now() + drain->spec.drain_timeout,
                               [this, adapter_id = record->id, drain] {
                                 store_.pool().Post([this, adapter_id, drain] {
                                   OnDrainTimeout(adapter_id, drain);
                                 });
                               });
  MaybeFinishDrain(*record);
  return id;
}

absl::Status AdapterManager::CheckUnloadable(const AdapterId& id) const {
  LORA_RETURN_IF_ERROR(CheckAdapterId(id.value()));
  LORA_RETURN_IF_ERROR(CheckOpen());
  const AdapterRecord* const record = Find(id);
  if (record == nullptr) {
    return Error(absl::StatusCode::kNotFound, ErrorReason::kAdapter,
                 absl::StrCat("there is no adapter '", id.value(), "'"));
  }
  if (record->drain != nullptr) {
    return Error(
        absl::StatusCode::kFailedPrecondition, ErrorReason::kState,
        absl::StrCat("adapter '", id.value(), "' is being unloaded already"));
  }
  return absl::OkStatus();
}

// Ends the loads of an adapter that goes; who waits for them hears it now.
void AdapterManager::CancelJobs(AdapterRecord& record, Deferred& deferred) {
  const absl::Status status =
      Error(absl::StatusCode::kAborted, ErrorReason::kAborted,
            absl::StrCat("adapter '", record.id.value(),
                         "' was unloaded while it was being loaded"));
  std::vector<JobPtr> jobs(record.queued_jobs.begin(),
                           record.queued_jobs.end());
  record.queued_jobs.clear();
  if (record.job != nullptr) jobs.push_back(record.job);
  for (const JobPtr& job : jobs) {
    job->background = false;
    CancelJob(*job, status);
    for (const WaitId wait : std::set<WaitId>(job->waits)) {
      FailWait(wait, status, deferred);
    }
  }
}

void AdapterManager::OnDrainTimeout(const AdapterId& id,
                                    const std::shared_ptr<Drain>& drain) {
  if (drain->spec.force) {
    CancelUsers(id, drain);
    return;
  }
  Deferred deferred;
  MutexLock lock(mu_);
  AdapterRecord* const record = Find(id);
  if (record == nullptr || record->drain != drain || drain->finishing ||
      record->num_leases() == 0) {
    return;
  }
  record->drain = nullptr;
  Transit(*record, AdapterState::kReady);
  FailWait(drain->wait,
           Error(absl::StatusCode::kDeadlineExceeded, ErrorReason::kInUse,
                 absl::StrCat(record->num_leases(),
                              " requests still use "
                              "adapter '",
                              id.value(), "' after ",
                              absl::FormatDuration(drain->spec.drain_timeout),
                              "; it serves again. Wait longer, or set force")),
           deferred);
  LogInfo("adapter_drain_timeout",
          {{"adapter", id.value()}, {"inflight", record->num_leases()}});
  PublishUpdate(*record);
}

// Ends the requests that still use the adapter; the last one finishes the
// drain.
void AdapterManager::CancelUsers(const AdapterId& id,
                                 const std::shared_ptr<Drain>& drain) {
  std::vector<AdapterKey> keys;
  std::vector<AdapterDependent*> dependents;
  {
    MutexLock lock(mu_);
    AdapterRecord* const record = Find(id);
    if (record == nullptr || record->drain != drain || drain->finishing) return;
    drain->cancelling = true;
    dependents = dependents_;
    if (record->serving != nullptr) keys.push_back(record->serving->key);
    for (const VersionPtr& version : record->retired) {
      keys.push_back(version->key);
    }
  }
  int64_t num_cancelled = 0;
  for (AdapterDependent* dependent : dependents) {
    for (const AdapterKey& key : keys) {
      num_cancelled += dependent->CancelUsers(key);
    }
  }
  MutexLock lock(mu_);
  drain->result.cancelled_requests = num_cancelled;
  drain->cancelling = false;
  MaybeFinishDrain(*Find(id));
}

// Goes on when neither requests nor loads use the adapter.
void AdapterManager::MaybeFinishDrain(AdapterRecord& record) {
  if (record.drain == nullptr || record.num_leases() > 0) return;
  if (record.job != nullptr) {
    CancelJob(*record.job, absl::AbortedError("the adapter is being unloaded"));
    return;
  }
  Drain& drain = *record.drain;
  if (record.num_discarding > 0 || drain.cancelling || drain.finishing) return;
  drain.finishing = true;
  if (drain.timer.has_value()) store_.timers().Cancel(*drain.timer);
  store_.pool().Post([this, id = record.id] { FinishDrain(id); });
}

void AdapterManager::FinishDrain(const AdapterId& id) {
  AdapterKey key;
  std::shared_ptr<Drain> drain;
  {
    MutexLock lock(mu_);
    const AdapterRecord& record = *Find(id);
    drain = record.drain;
    if (record.serving != nullptr) key = record.serving->key;
  }
  if (key.digest.empty()) {  // Declared, never loaded.
    OnDrained(id);
    return;
  }
  const int64_t merged_bytes = ReleaseCopies(key);
  store_.Remove(key,
                [this, key, drain, merged_bytes](AdapterStore::Freed freed) {
                  // A copy that was being made held a pin until now: it is
                  // there since.
                  OnFreed(drain, freed, merged_bytes + ReleaseCopies(key));
                  OnDrained(key.id);
                });
}

// Counts what a version gave back to the unload that was under way when it
// began to; null: none was.
void AdapterManager::OnFreed(const std::shared_ptr<Drain>& drain,
                             const AdapterStore::Freed& freed,
                             int64_t merged_bytes) {
  if (drain == nullptr) return;
  MutexLock lock(mu_);
  drain->result.freed_host_bytes += freed.host_bytes;
  drain->result.freed_device_bytes += freed.device_bytes;
  drain->result.freed_merged_bytes += merged_bytes;
}

void AdapterManager::OnDrained(const AdapterId& id) {
  UnloadCallback done;
  UnloadResult result;
  {
    MutexLock lock(mu_);
    AdapterRecord& record = *Find(id);
    result = record.drain->result;
    if (auto node = waits_.extract(record.drain->wait); !node.empty()) {
      done = std::move(std::get<UnloadWait>(node.mapped()).done);
    }
    watch_hub_.Publish({AdapterEvent::Type::kRemoved, MakeInfo(record)});
    records_.erase(id);
  }
  LogInfo("adapter_unloaded", {{"adapter", id.value()},
                               {"host_bytes", result.freed_host_bytes},
                               {"device_bytes", result.freed_device_bytes},
                               {"merged_bytes", result.freed_merged_bytes},
                               {"cancelled", result.cancelled_requests}});
  store_.TrimMemory();
  SaveManifest([done = std::move(done), result]() mutable {
    if (done) std::move(done)(result);
  });
}

int64_t AdapterManager::ReleaseCopies(const AdapterKey& key) {
  std::vector<AdapterDependent*> dependents;
  {
    MutexLock lock(mu_);
    dependents = dependents_;
  }
  int64_t bytes = 0;
  for (AdapterDependent* dependent : dependents) {
    bytes += dependent->ReleaseCopies(key);
  }
  return bytes;
}

}  // namespace lora
