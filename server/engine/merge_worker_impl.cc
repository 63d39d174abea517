// SPDX-License-Identifier: Apache-2.0
#include "server/engine/merge_worker_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/lora/lora_weights.h"
#include "server/lora/merged_set.h"

namespace lora {
namespace {

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
  Merge(std::move(adapters), {}, /*pinned=*/false,
        [done = std::move(done)](
            absl::StatusOr<MergedAdapterInfo> merged) mutable {
          std::move(done)(merged.status());
        });
}

void MergeWorkerImpl::Merge(std::vector<WeightedKey> adapters,
                            std::vector<AdapterLease> leases, bool pinned,
                            MergeCallback done) {
  auto job = std::make_shared<Job>();
  job->adapters = std::move(adapters);
  job->leases = std::move(leases);
  job->pinned = pinned;
  job->done = std::move(done);
  FetchAdapters(std::move(job));
}

void MergeWorkerImpl::FetchAdapters(std::shared_ptr<Job> job) {
  const std::vector<AdapterKey> keys = KeysOf(job->adapters);
  parts_.residency->EnsureResident(
      keys, [this, job = std::move(job)](const absl::Status& resident) mutable {
        if (!resident.ok()) {
          Finish(*job, resident);
          return;
        }
        thread_.Post([this, job = std::move(job)] { RunJob(job); });
      });
}

// On the worker's thread.
void MergeWorkerImpl::RunJob(const std::shared_ptr<Job>& job) {
  const absl::StatusOr<std::vector<AdapterHandle>> handles =
      parts_.residency->TryAcquireAll(KeysOf(job->adapters));
  if (absl::IsUnavailable(handles.status())) {
    FetchAdapters(job);  // Evicted in between.
    return;
  }
  if (!handles.ok()) {
    Finish(*job, handles.status());
    return;
  }
  absl::StatusOr<MergedCopy> copy =
      cache_.Merge(job->adapters, *handles, job->pinned);
  if (absl::IsUnavailable(copy.status())) {
    const absl::StatusOr<MergedSet> set = CanonicalSet(job->adapters);
    cache_.WaitForRoom(*set, *handles, [this, job] {
      thread_.Post([this, job] { RunJob(job); });
    });
    return;
  }
  Finish(*job, std::move(copy));
}

void MergeWorkerImpl::Finish(Job& job, absl::StatusOr<MergedCopy> copy) {
  job.leases.clear();
  if (!copy.ok()) {
    std::move(job.done)(copy.status());
    return;
  }
  LogInfo("merged", {{"merged_id", copy->merged_id},
                     {"components", copy->set.components.size()},
                     {"bytes", copy->bytes},
                     {"seconds", absl::ToDoubleSeconds(copy->build_time)},
                     {"max_relative_deviation", copy->max_relative_deviation}});
  parts_.metrics->RecordMerge(copy->build_time);
  std::move(job.done)(InfoOf(*copy));
}

absl::StatusOr<int64_t> MergeWorkerImpl::Unmerge(
    const std::string& merged_id,
    absl::Span<const WeightedAdapterId> components) {
  if (merged_id.empty()) {
    for (const MergedCopy& copy : cache_.List()) {
      if (IsOf(copy, components)) return Unmerge(copy.merged_id, {});
    }
    return Error(absl::StatusCode::kNotFound, ErrorReason::kNotMerged,
                 absl::StrCat("no merged copy of these ", components.size(),
                              " components; ListMergedAdapters shows what is "
                              "merged"));
  }
  const absl::StatusOr<int64_t> freed = cache_.UnmergeById(merged_id);
  if (freed.ok()) {
    LogInfo("unmerged", {{"merged_id", merged_id}, {"bytes", *freed}});
  }
  return freed;
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

int64_t MergeWorkerImpl::ReleaseCopies(const AdapterKey& key) {
  return cache_.ReleaseCopies(key);
}

}  // namespace lora
