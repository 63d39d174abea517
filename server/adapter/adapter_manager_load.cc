// SPDX-License-Identifier: Apache-2.0
// AdapterManager: how loads begin, and what they check.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_manager.h"
#include "server/adapter/known_content.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

// Whether one load can answer both calls.
bool SameLoad(const LoadAdapterSpec& a, const LoadAdapterSpec& b) {
  return a.source == b.source && a.sha256 == b.sha256 &&
         a.replace == b.replace && a.options.alpha == b.options.alpha &&
         a.options.strict_base == b.options.strict_base &&
         a.options.skip_untargeted == b.options.skip_untargeted;
}

}  // namespace

WaitId AdapterManager::Load(LoadAdapterSpec spec, InfoCallback done) {
  const WaitId id = NextWaitId();
  absl::Status status = CheckAdapterId(spec.id.value());
  if (status.ok()) {
    MutexLock lock(mu_);
    status = JoinOrQueue(id, std::move(spec), done);
  }
  if (!status.ok()) std::move(done)(status);
  return id;
}

// Takes `done` unless it fails.
absl::Status AdapterManager::JoinOrQueue(WaitId id, LoadAdapterSpec spec,
                                         InfoCallback& done) {
  LORA_RETURN_IF_ERROR(CheckOpen());
  AdapterRecord* record = Find(spec.id);
  if (record == nullptr) {
    LORA_ASSIGN_OR_RETURN(record, NewRecord(spec.id, AdapterState::kLoading));
  } else if (record->lifecycle.state() == AdapterState::kDraining) {
    return Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kState,
                 absl::StrCat("adapter '", spec.id.value(),
                              "' is being unloaded; load it again once it is "
                              "gone"));
  } else if (record->declared && record->serving == nullptr && !spec.replace &&
             record->lifecycle.state() != AdapterState::kFailed &&
             record->source != spec.source) {
    return Error(absl::StatusCode::kAlreadyExists, ErrorReason::kAdapterExists,
                 absl::StrCat("adapter '", spec.id.value(),
                              "' is declared with the source ", record->source,
                              "; set replace to load ", spec.source));
  }
  JobPtr job =
      record->queued_jobs.empty() ? record->job : record->queued_jobs.back();
  const bool joins = job != nullptr && !job->closed && job->cancelled.ok() &&
                     SameLoad(job->spec, spec);
  if (!joins) {
    job = std::make_shared<LoadJob>();
    job->spec = spec;
    if (record->job == nullptr) {
      StartJob(*record, job);
    } else {
      record->queued_jobs.push_back(job);
    }
  }
  job->waits.insert(id);
  waits_.emplace(id, LoadWait{.spec = std::move(spec),
                              .job = std::move(job),
                              .done = std::move(done)});
  return absl::OkStatus();
}

AdapterManager::JobPtr AdapterManager::StartDemandJob(AdapterRecord& record) {
  auto job = std::make_shared<LoadJob>();
  job->on_demand = true;
  job->spec = {
      .id = record.id, .source = record.source, .options = record.options};
  StartJob(record, job);
  return job;
}

void AdapterManager::StartJob(AdapterRecord& record, const JobPtr& job) {
  record.job = job;
  job->start_time = clock_->Now();
  job->state_before = record.lifecycle.state();
  if (record.serving == nullptr &&
      record.lifecycle.state() != AdapterState::kLoading) {
    Transit(record, AdapterState::kLoading);
  }
  job->read = store_.Read(
      {job->spec.id, job->spec.source, job->spec.options},
      [this, job](double progress) { OnProgress(*job, progress); },
      [this, job](absl::StatusOr<HostHandle> host) {
        OnRead(job, std::move(host));
      });
  PublishUpdate(record);
}

void AdapterManager::OnProgress(LoadJob& job, double progress) {
  constexpr double kStep = 0.05;
  MutexLock lock(mu_);
  if (std::floor(progress / kStep) == std::floor(job.progress / kStep)) return;
  job.progress = progress;
  PublishUpdate(*Find(job.spec.id));
}

void AdapterManager::OnRead(const JobPtr& job,
                            absl::StatusOr<HostHandle> host) {
  absl::Status status = host.status();
  {
    MutexLock lock(mu_);
    AdapterRecord& record = *Find(job->spec.id);
    job->read = nullptr;
    status =
        job->cancelled.ok() ? ReadError(record, *job, status) : job->cancelled;
    if (status.ok()) status = CheckContent(record, *job, **host);
    if (status.ok()) status = MakeCandidate(record, *job, **host);
    if (status.ok()) PublishUpdate(record);
  }
  if (!status.ok()) {
    const AdapterKey key = host.ok() ? host->key() : AdapterKey();
    host = status;  // Lets go of the host copy.
    store_.ForgetUnused(key, [this, job, status] { EndJob(job, status); });
    return;
  }
  const AdapterKey key = host->key();
  // Let go of before the load can end: who hears of its end may unload, and
  // must find nothing left.
  host = absl::CancelledError();
  store_.Promote(key, [this, job](absl::Status promoted) {
    OnPromoted(job, std::move(promoted));
  });
  // It may have been cancelled when there was nothing to stop yet. If it has
  // ended since, the next one may be loading the same content.
  MutexLock lock(mu_);
  if (!job->cancelled.ok() && !job->closed) CancelJob(*job, job->cancelled);
}

// Why the files could not be read, which is worse if they were known.
absl::Status AdapterManager::ReadError(const AdapterRecord& record,
                                       const LoadJob& job,
                                       const absl::Status& error) const {
  const std::string& digest = record.serving != nullptr
                                  ? record.serving->key.digest
                                  : record.declared_digest;
  if (digest.empty() || job.spec.replace || job.spec.source != record.source) {
    return error;
  }
  return KnownContentError(error, digest);
}

absl::Status AdapterManager::CheckContent(const AdapterRecord& record,
                                          const LoadJob& job,
                                          const HostAdapter& host) const {
  const LoadAdapterSpec& spec = job.spec;
  if (!spec.sha256.empty() && spec.sha256 != host.weights_sha256) {
    return Error(
        absl::StatusCode::kFailedPrecondition, ErrorReason::kDigestMismatch,
        absl::StrCat("the weights in ", spec.source, " have the SHA-256 ",
                     host.weights_sha256, ", expected was ", spec.sha256));
  }
  if (spec.replace) return absl::OkStatus();
  if (record.serving != nullptr && record.serving->key != host.key) {
    return Error(
        absl::StatusCode::kAlreadyExists, ErrorReason::kAdapterExists,
        absl::StrCat("adapter '", spec.id.value(),
                     "' is loaded with the digest ", record.serving->key.digest,
                     "; ", spec.source, " has ", host.key.digest,
                     ": set replace to swap, or use another id"));
  }
  if (record.serving == nullptr && !record.declared_digest.empty() &&
      record.declared_digest != host.key.digest) {
    return Error(absl::StatusCode::kDataLoss, ErrorReason::kDigestMismatch,
                 absl::StrCat("adapter '", spec.id.value(), "' had the digest ",
                              record.declared_digest,
                              " before the restart; the files in ", spec.source,
                              " now have ", host.key.digest,
                              ": load it with replace to accept them"));
  }
  return absl::OkStatus();
}

absl::Status AdapterManager::MakeCandidate(AdapterRecord& record, LoadJob& job,
                                           const HostAdapter& host) {
  VersionPtr candidate;
  const auto retired = std::find_if(
      record.retired.begin(), record.retired.end(),
      [&](const VersionPtr& version) { return version->key == host.key; });
  if (record.serving != nullptr && record.serving->key == host.key) {
    candidate = record.serving;
  } else if (retired != record.retired.end()) {
    candidate = *retired;
  } else {
    candidate =
        std::make_shared<AdapterVersion>(this, host, store_.DeviceBytes(host));
  }
  LORA_RETURN_IF_ERROR(store_.Add(
      host, {.source = job.spec.source,
             .load = job.spec.options,
             .warm_tier = job.spec.warm_tier.value_or(record.warm_tier)}));
  candidate->loading = true;
  job.candidate = std::move(candidate);
  if (job.spec.pinned.value_or(record.pinned)) {
    LORA_RETURN_IF_ERROR(Pin(record, host.key));
  }
  KeepForUsers(record);
  return absl::OkStatus();
}

// While another version is about to take its place, the serving one stays in
// memory for the requests that use it, if both fit: its files may be those of
// the other one by now.
void AdapterManager::KeepForUsers(const AdapterRecord& record) {
  const VersionPtr& serving = record.serving;
  if (serving == nullptr || record.job == nullptr) return;
  const VersionPtr& next = record.job->candidate;
  if (next == nullptr || next == serving || !next->loading) return;
  if (serving->num_leases > 0) {
    store_.RetainBeside(serving->key, next->key);
  } else {
    store_.Unretain(serving->key);
  }
}

void AdapterManager::OnPromoted(const JobPtr& job, absl::Status status) {
  ReachSyncPoint(sync_, "AdapterManager::OnPromoted");
  {
    MutexLock lock(mu_);
    if (!job->cancelled.ok()) status = job->cancelled;
    if (status.ok()) Serve(*Find(job->spec.id), *job);
  }
  if (!status.ok()) {
    EndJob(job, status);
    return;
  }
  SaveManifest([this, job] { EndJob(job, absl::OkStatus()); });
}

WaitId AdapterManager::Validate(std::string source, AdapterLoadOptions options,
                                InfoCallback done) {
  const WaitId id = NextWaitId();
  Deferred deferred;
  MutexLock lock(mu_);
  if (const absl::Status open = CheckOpen(); !open.ok()) {
    deferred.Add(
        [done = std::move(done), open]() mutable { std::move(done)(open); });
    return id;
  }
  // An id that no adapter can have: its key is nobody's.
  auto read = store_.Read({AdapterId("(validate)"), source, options}, nullptr,
                          [this, id, source](absl::StatusOr<HostHandle> host) {
                            OnValidated(id, source, std::move(host));
                          });
  waits_.emplace(id, ValidateWait{std::move(read), std::move(done)});
  return id;
}

// What a load of `host` from `source` would report.
absl::StatusOr<AdapterInfo> AdapterManager::Describe(
    const HostAdapter& host, const std::string& source) const {
  LORA_RETURN_IF_ERROR(store_.CheckFits(host));
  return AdapterInfo{.digest = host.key.digest,
                     .source = source,
                     .state = AdapterState::kReady,
                     .kind = host.spec.kind,
                     .format = host.spec.format,
                     .rank = host.spec.max_rank,
                     .target_modules = host.spec.target_modules,
                     .host_bytes = host.host_bytes(),
                     .device_bytes = store_.DeviceBytes(host),
                     .warnings = host.spec.warnings};
}

void AdapterManager::OnValidated(WaitId id, const std::string& source,
                                 absl::StatusOr<HostHandle> host) {
  const absl::Status read = host.status();
  const AdapterKey key = read.ok() ? host->key() : AdapterKey();
  absl::StatusOr<AdapterInfo> info =
      read.ok() ? Describe(**host, source) : absl::StatusOr<AdapterInfo>(read);
  host = absl::CancelledError();  // Lets go of the host copy.
  store_.ForgetUnused(key, [this, id, info = std::move(info)]() mutable {
    InfoCallback done;
    {
      MutexLock lock(mu_);
      auto node = waits_.extract(id);
      if (node.empty()) return;
      done = std::move(std::get<ValidateWait>(node.mapped()).done);
    }
    std::move(done)(std::move(info));
  });
}

}  // namespace lora
