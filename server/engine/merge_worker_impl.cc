// SPDX-License-Identifier: Apache-2.0
#include "server/engine/merge_worker_impl.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/engine/request_preparer.h"
#include "server/lora/lora_weights.h"
#include "server/lora/merged_set.h"

namespace lora {
namespace {

absl::Status Stopping() {
  return Error(absl::StatusCode::kUnavailable, ErrorReason::kDraining,
               "the server is shutting down; call another one");
}

std::vector<AdapterKey> KeysOf(absl::Span<const WeightedKey> adapters) {
  std::vector<AdapterKey> keys;
  keys.reserve(adapters.size());
  for (const WeightedKey& adapter : adapters) keys.push_back(adapter.key);
  return keys;
}

MergedAdapterInfo InfoOf(const MergedCopy& copy) {
  MergedAdapterInfo info{.merged_id = copy.merged_id,
                         .bytes = copy.bytes,
                         .build_time = copy.build_time,
                         .max_relative_deviation = copy.max_relative_deviation,
                         .pinned = copy.pinned};
  for (const WeightedKey& component : copy.set.components) {
    info.components.push_back({component.key.id, component.weight});
  }
  return info;
}

// Whether a copy is of these adapters and factors, whatever their versions and
// order.
bool IsOf(const MergedCopy& copy,
          absl::Span<const WeightedAdapterId> components) {
  if (copy.set.components.size() != components.size()) return false;
  return std::all_of(
      components.begin(), components.end(), [&copy](const auto& wanted) {
        return std::any_of(
            copy.set.components.begin(), copy.set.components.end(),
            [&wanted](const WeightedKey& part) {
              return part.key.id == wanted.id && part.weight == wanted.weight;
            });
      });
}

std::vector<const LoraWeights*> WeightsOf(
    absl::Span<const AdapterHandle> handles) {
  std::vector<const LoraWeights*> weights;
  for (const AdapterHandle& handle : handles) {
    weights.push_back(static_cast<const LoraWeights*>(handle.get()));
  }
  return weights;
}

}  // namespace

MergeWorkerImpl::MergeWorkerImpl(Options options, Parts parts)
    : options_(options),
      parts_(parts),
      machine_{.bytes_per_parameter =
                   parts.model->dtype() == at::kBFloat16 ? 2 : 4},
      cache_(
          options.capacity_bytes,
          [model = parts.model](int32_t module_index) -> const PackedWeight& {
            return model->weight(module_index);
          },
          parts.reclaimer, parts.clock) {}

MergeWorkerImpl::~MergeWorkerImpl() { Stop(); }

ExecutionPath MergeWorkerImpl::Choose(const RouteQuestion& question) {
  if (!options_.auto_path) return ExecutionPath::kUnmerged;
  // Adapters that are not resident have to be fetched for either path; what
  // they would cost is not known, so they run as they are.
  const absl::StatusOr<std::vector<AdapterHandle>> handles =
      parts_.residency->TryAcquireAll(KeysOf(question.adapters));
  const bool has_copy = cache_.Contains(question.adapters);
  if (!handles.ok()) {
    return has_copy && question.num_other == 0 ? ExecutionPath::kMerged
                                               : ExecutionPath::kUnmerged;
  }
  const MergeQuestion merge{.num_prompt_tokens = question.num_prompt_tokens,
                            .max_new_tokens = question.max_new_tokens,
                            .footprint = FootprintOf(WeightsOf(*handles)),
                            .has_copy = has_copy,
                            .room_bytes = cache_.room_bytes(),
                            .num_sharing = question.num_sharing,
                            .num_other = question.num_other};
  return ChooseMergePath(machine_, merge);
}

std::unique_ptr<MergedPin> MergeWorkerImpl::TryPin(
    absl::Span<const WeightedKey> adapters) {
  return cache_.TryAcquire(adapters);
}

void MergeWorkerImpl::Build(std::vector<WeightedKey> adapters,
                            absl::AnyInvocable<void(absl::Status) &&> done) {
  const JobPtr job = Add(
      /*pinned=*/false,
      [done = std::move(done)](absl::StatusOr<MergedAdapterInfo> info) mutable {
        std::move(done)(info.status());
      });
  if (job == nullptr) return;
  job->adapters = std::move(adapters);
  FetchAdapters(job);
}

bool MergeWorkerImpl::WaitsForRoom(
    absl::Span<const WeightedKey> adapters) const {
  if (parts_.residency->WaitsForRoom(KeysOf(adapters))) return true;
  MutexLock lock(mu_);
  return std::any_of(jobs_.begin(), jobs_.end(), [adapters](const auto& entry) {
    const Job& job = *entry.second;
    return job.awaits_room && job.adapters == adapters;
  });
}

MergeId MergeWorkerImpl::Merge(std::vector<WeightedAdapterId> components,
                               bool pinned, MergeCallback done) {
  const JobPtr job = Add(pinned, std::move(done));
  if (job == nullptr) return MergeId();
  const MergeId id = job->id;
  std::vector<AdapterId> ids;
  for (const WeightedAdapterId& part : components) ids.push_back(part.id);
  const WaitId wait = parts_.adapters->AcquireLeases(
      std::move(ids), [this, id, components = std::move(components)](
                          absl::StatusOr<std::vector<AdapterLease>> leases) {
        OnLeased(id, components, std::move(leases));
      });
  {
    MutexLock lock(mu_);
    if (jobs_.contains(id)) {
      job->lease_wait = wait;
      return id;
    }
  }
  parts_.adapters->CancelWait(wait);
  return id;
}

void MergeWorkerImpl::CancelMerge(MergeId id) {
  if (const JobPtr job = Take(id)) {
    Abandon(*job, Error(absl::StatusCode::kCancelled, ErrorReason::kCancelled,
                        "the caller no longer waits for the merge"));
  }
}

int64_t MergeWorkerImpl::CancelUsers(const AdapterKey& key) {
  std::vector<JobPtr> users;
  {
    MutexLock lock(mu_);
    for (auto it = jobs_.begin(); it != jobs_.end();) {
      const std::vector<AdapterLease>& leases = it->second->leases;
      const bool uses = std::any_of(
          leases.begin(), leases.end(),
          [&key](const AdapterLease& lease) { return lease.key() == key; });
      if (uses) users.push_back(std::move(it->second));
      it = uses ? jobs_.erase(it) : std::next(it);
    }
  }
  for (const JobPtr& job : users) {
    Abandon(*job,
            WithAdapter(Error(absl::StatusCode::kAborted, ErrorReason::kAborted,
                              absl::StrCat("adapter '", key.id.value(),
                                           "' was unloaded by force")),
                        key.id));
  }
  return static_cast<int64_t>(users.size());
}

void MergeWorkerImpl::Stop() {
  std::map<MergeId, JobPtr> jobs;
  {
    MutexLock lock(mu_);
    stopped_ = true;
    jobs.swap(jobs_);
  }
  for (const auto& [id, job] : jobs) Abandon(*job, Stopping());
  thread_.Stop();
}

MergeWorkerImpl::JobPtr MergeWorkerImpl::Add(bool pinned, MergeCallback done) {
  auto job = std::make_shared<Job>();
  job->pinned = pinned;
  job->done = std::move(done);
  {
    MutexLock lock(mu_);
    if (!stopped_) {
      job->id = MergeId(next_id_++);
      jobs_.emplace(job->id, job);
      return job;
    }
  }
  std::move(job->done)(Stopping());
  return nullptr;
}

MergeWorkerImpl::JobPtr MergeWorkerImpl::Take(MergeId id) {
  MutexLock lock(mu_);
  auto node = jobs_.extract(id);
  return node.empty() ? nullptr : std::move(node.mapped());
}

void MergeWorkerImpl::Abandon(Job& job, const absl::Status& status) {
  if (job.lease_wait.has_value()) parts_.adapters->CancelWait(*job.lease_wait);
  job.leases.clear();
  std::move(job.done)(status);
}

void MergeWorkerImpl::OnLeased(
    MergeId id, absl::Span<const WeightedAdapterId> components,
    absl::StatusOr<std::vector<AdapterLease>> leases) {
  if (!leases.ok()) {
    Finish(id, leases.status());
    return;
  }
  JobPtr job;
  {
    MutexLock lock(mu_);
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    job = it->second;
    job->adapters = CanonicalKeys(components, *leases);
    job->leases = *std::move(leases);
  }
  FetchAdapters(job);
}

void MergeWorkerImpl::FetchAdapters(const JobPtr& job) {
  parts_.residency->EnsureResident(KeysOf(job->adapters),
                                   [this, job](const absl::Status& resident) {
                                     if (resident.ok()) {
                                       Post(job);
                                     } else {
                                       Finish(job->id, resident);
                                     }
                                   });
}

void MergeWorkerImpl::Post(const JobPtr& job) {
  MutexLock lock(mu_);
  if (!jobs_.contains(job->id)) return;
  job->awaits_room = false;
  thread_.Post([this, job] { RunJob(job); });
}

// On the worker's thread.
void MergeWorkerImpl::RunJob(const JobPtr& job) {
  {
    MutexLock lock(mu_);
    if (!jobs_.contains(job->id)) return;
  }
  absl::StatusOr<std::vector<AdapterHandle>> handles =
      parts_.residency->TryAcquireAll(KeysOf(job->adapters));
  if (absl::IsUnavailable(handles.status())) {
    FetchAdapters(job);  // Evicted in between.
    return;
  }
  if (!handles.ok()) {
    Finish(job->id, handles.status());
    return;
  }
  absl::StatusOr<MergedCopy> copy =
      cache_.Merge(job->adapters, *handles, job->pinned);
  Change(Cause::kBuild, [] {});
  if (absl::IsUnavailable(copy.status())) {
    AwaitRoom(job, *handles);
    return;
  }
  handles->clear();  // Nothing is held when the caller hears.
  Finish(job->id, std::move(copy));
}

void MergeWorkerImpl::AwaitRoom(const JobPtr& job,
                                absl::Span<const AdapterHandle> handles) {
  {
    MutexLock lock(mu_);
    job->awaits_room = true;
  }
  const absl::StatusOr<MergedSet> set = CanonicalSet(job->adapters);
  cache_.WaitForRoom(*set, handles, [this, job] { Post(job); });
}

void MergeWorkerImpl::Finish(MergeId id, absl::StatusOr<MergedCopy> copy) {
  const JobPtr job = Take(id);
  if (job == nullptr) return;
  job->leases.clear();
  if (copy.ok()) {
    std::move(job->done)(InfoOf(*copy));
  } else {
    std::move(job->done)(copy.status());
  }
}

absl::StatusOr<int64_t> MergeWorkerImpl::Unmerge(
    const std::string& merged_id,
    absl::Span<const WeightedAdapterId> components) {
  absl::StatusOr<int64_t> bytes = 0;
  Change(Cause::kUnmerge, [&] { bytes = UnmergeNow(merged_id, components); });
  return bytes;
}

absl::StatusOr<int64_t> MergeWorkerImpl::UnmergeNow(
    const std::string& merged_id,
    absl::Span<const WeightedAdapterId> components) {
  if (!merged_id.empty()) return cache_.UnmergeById(merged_id);
  LORA_RETURN_IF_ERROR(CheckWeights(components));  // IsOf takes each once.
  for (const MergedCopy& copy : cache_.List()) {
    if (IsOf(copy, components)) return cache_.UnmergeById(copy.merged_id);
  }
  return Error(absl::StatusCode::kNotFound, ErrorReason::kNotMerged,
               absl::StrCat("no merged copy of these ", components.size(),
                            " components; ListMergedAdapters shows what is "
                            "merged"));
}

int64_t MergeWorkerImpl::ReleaseCopies(const AdapterKey& key) {
  int64_t bytes = 0;
  Change(Cause::kUnmerge, [&] { bytes = cache_.ReleaseCopies(key); });
  return bytes;
}

void MergeWorkerImpl::Change(Cause cause, absl::FunctionRef<void()> change) {
  std::vector<AdapterId> changed;
  {
    MutexLock lock(told_mu_);
    // What a build evicted a moment ago is not of this change.
    changed = TellChanges(Cause::kBuild);
    change();
    for (AdapterId& id : TellChanges(cause)) changed.push_back(std::move(id));
  }
  parts_.adapters->PublishChange(changed);
}

std::vector<AdapterId> MergeWorkerImpl::TellChanges(Cause cause) {
  std::map<std::string, MergedCopy> copies;
  for (MergedCopy& copy : cache_.List()) {
    std::string id = copy.merged_id;
    copies.emplace(std::move(id), std::move(copy));
  }
  std::vector<AdapterId> changed;
  const auto add = [&changed](const MergedCopy& copy) {
    for (const WeightedKey& part : copy.set.components) {
      changed.push_back(part.key.id);
    }
  };
  for (const auto& [id, copy] : told_) {
    if (copies.contains(id)) continue;
    const bool evicted = cause == Cause::kBuild;
    if (evicted) {
      parts_.metrics->RecordEvictedMerge();  // The cache has logged it.
    } else {
      LogInfo("unmerged", {{"merged_id", id}, {"bytes", copy.bytes}});
      parts_.metrics->RecordUnmerge();
    }
    add(copy);
  }
  for (const auto& [id, copy] : copies) {
    if (told_.contains(id)) continue;
    LogInfo("merged",
            {{"merged_id", id},
             {"components", copy.set.components.size()},
             {"bytes", copy.bytes},
             {"seconds", absl::ToDoubleSeconds(copy.build_time)},
             {"max_relative_deviation", copy.max_relative_deviation}});
    parts_.metrics->RecordMerge(copy.build_time);
    add(copy);
  }
  told_ = std::move(copies);
  return changed;
}

std::vector<MergedAdapterInfo> MergeWorkerImpl::List() const {
  std::vector<MergedAdapterInfo> infos;
  for (const MergedCopy& copy : cache_.List()) infos.push_back(InfoOf(copy));
  return infos;
}

MemoryUse MergeWorkerImpl::memory() const {
  return {.capacity_bytes = cache_.capacity_bytes(),
          .used_bytes = cache_.used_bytes()};
}

}  // namespace lora
