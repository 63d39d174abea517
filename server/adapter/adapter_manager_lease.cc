// SPDX-License-Identifier: Apache-2.0
// AdapterManager: who uses adapters, and who waits.
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_manager.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {

WaitId AdapterManager::AcquireLeases(std::vector<AdapterId> ids,
                                     LeaseCallback done) {
  const WaitId id = NextWaitId();
  Deferred deferred;
  MutexLock lock(mu_);
  TryLease(id, {.ids = std::move(ids), .done = std::move(done)}, deferred);
  return id;
}

// Leases all, or waits for those that have no version yet, or fails.
void AdapterManager::TryLease(WaitId id, LeaseWait wait, Deferred& deferred) {
  if (absl::Status status = CheckLeasable(wait.ids); !status.ok()) {
    for (const JobPtr& job : wait.jobs) LeaveJob(*job, id);
    deferred.Add([done = std::move(wait.done), status]() mutable {
      std::move(done)(status);
    });
    return;
  }
  wait.jobs.clear();
  for (const AdapterId& adapter_id : wait.ids) {
    AdapterRecord& record = *Find(adapter_id);
    if (record.serving != nullptr) continue;
    wait.jobs.push_back(record.job != nullptr ? record.job
                                              : StartDemandJob(record));
    wait.jobs.back()->waits.insert(id);
  }
  if (!wait.jobs.empty()) {
    waits_.emplace(id, std::move(wait));
    return;
  }
  std::vector<AdapterLease> leases;
  for (const AdapterId& adapter_id : wait.ids) {
    AdapterRecord& record = *Find(adapter_id);
    ++record.serving->num_leases;
    KeepForUsers(record);
    ++record.requests_total;
    record.last_used_time = clock_->Now();
    leases.push_back(AdapterLease(record.serving));
  }
  deferred.Add(
      [done = std::move(wait.done), leases = std::move(leases)]() mutable {
        std::move(done)(std::move(leases));
      });
}

absl::Status AdapterManager::CheckLeasable(
    const std::vector<AdapterId>& ids) const {
  LORA_RETURN_IF_ERROR(CheckOpen());
  std::set<AdapterId> seen;
  for (const AdapterId& id : ids) {
    LORA_RETURN_IF_ERROR(CheckAdapterId(id.value()));
    const AdapterRecord* const record = Find(id);
    const auto refuse = [&id](absl::StatusCode code, ErrorReason reason,
                              absl::string_view why) {
      return WithAdapter(Error(code, reason, why), id);
    };
    if (!seen.insert(id).second) {
      return refuse(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights,
                    absl::StrCat("adapter '", id.value(),
                                 "' is named twice; name it once, with the sum "
                                 "of the weights"));
    }
    if (record == nullptr) {
      return refuse(absl::StatusCode::kNotFound, ErrorReason::kAdapter,
                    absl::StrCat("there is no adapter '", id.value(),
                                 "'; load it with LoadAdapter first"));
    }
    if (record->lifecycle.state() == AdapterState::kDraining) {
      return refuse(absl::StatusCode::kFailedPrecondition, ErrorReason::kState,
                    absl::StrCat("adapter '", id.value(),
                                 "' is being unloaded; load it again once it "
                                 "is gone"));
    }
    if (record->lifecycle.state() == AdapterState::kFailed) {
      return refuse(
          absl::StatusCode::kFailedPrecondition, ErrorReason::kState,
          absl::StrCat("adapter '", id.value(), "' could not be loaded (",
                       record->error.message(),
                       "); mend its files and load it with LoadAdapter"));
    }
  }
  return absl::OkStatus();
}

void AdapterManager::EndLease(VersionPtr version) {
  MutexLock lock(mu_);
  AdapterRecord& record = *Find(version->key.id);
  --version->num_leases;
  if (version->num_leases == 0 && !version->serving && !version->loading) {
    Discard(record, version);
  }
  if (version->num_leases == 0) KeepForUsers(record);
  MaybeFinishDrain(record);
}

void AdapterManager::CancelWait(WaitId id) {
  Deferred deferred;
  MutexLock lock(mu_);
  FailWait(id, absl::CancelledError("the caller no longer waits"), deferred);
}

// Takes the wait out of the table, if it is still there, and answers it.
void AdapterManager::FailWait(WaitId id, const absl::Status& status,
                              Deferred& deferred) {
  auto node = waits_.extract(id);
  if (node.empty()) return;
  if (auto* load = std::get_if<LoadWait>(&node.mapped())) {
    LeaveJob(*load->job, id);
  } else if (auto* lease = std::get_if<LeaseWait>(&node.mapped())) {
    for (const JobPtr& job : lease->jobs) LeaveJob(*job, id);
  } else if (auto* validate = std::get_if<ValidateWait>(&node.mapped())) {
    store_.CancelRead(validate->read);
  }
  deferred.Add([wait = std::move(node.mapped()), status]() mutable {
    std::visit([&](auto& waiting) { std::move(waiting.done)(status); }, wait);
  });
}

// A load stops when nobody waits for it.
void AdapterManager::LeaveJob(LoadJob& job, WaitId id) {
  job.waits.erase(id);
  if (!job.waits.empty() || job.background || job.closed) return;
  CancelJob(job, absl::CancelledError("nobody waits for the load any more"));
}

}  // namespace lora
