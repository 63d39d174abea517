// SPDX-License-Identifier: Apache-2.0
#include "tests/stress/churn.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/status.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

constexpr int64_t kAnswersPerOperation = 10;
constexpr absl::Duration kDrainTimeout = absl::Milliseconds(2);

}  // namespace

Churn::Churn(const Parts& parts, std::vector<std::string> ids, uint64_t seed)
    : parts_(parts), ids_(std::move(ids)), random_(seed) {}

void Churn::Run() {
  // Each method with how often, of 100, it is called.
  constexpr std::pair<uint64_t, void (Churn::*)()> kOperations[] = {
      {45, &Churn::Load},
      {12, &Churn::Unload},
      {20, &Churn::Merge},
      {15, &Churn::Unmerge},
      {8, &Churn::Pin}};
  while (!parts_.tally.done()) {
    parts_.tally.WaitForAnswers(parts_.tally.num_right() +
                                kAnswersPerOperation);
    uint64_t choice = random_.Below(100);
    for (const auto& [share, operation] : kOperations) {
      if (choice < share) {
        (this->*operation)();
        break;
      }
      choice -= share;
    }
  }
}

void Churn::Load() {
  const std::string& id = random_.Pick(ids_);
  const std::string& skill = random_.Pick(Skills::Get().names());
  const int64_t load = parts_.history.BeginLoad(id, skill);
  const auto loaded = parts_.client.LoadAdapter(ReplaceRequest(id, skill));
  if (Count("load", loaded.status(), MayEnd::kOnlyWell)) {
    parts_.history.EndLoad(id, load);
  }
}

void Churn::Unload() {
  v1::UnloadAdapterRequest request =
      UnloadRequest(random_.Pick(ids_),
                    random_.Chance(50) ? absl::ZeroDuration() : kDrainTimeout);
  request.set_force(random_.Chance(50));
  const std::string& id = request.adapter_id();
  const bool loaded = parts_.history.IsLoaded(id);
  parts_.history.BeginUnload(id);
  const auto freed = parts_.client.UnloadAdapter(request);
  if (Count(request.force() ? "unload by force" : "unload", freed.status(),
            !loaded           ? MayEnd::kNotFound
            : request.force() ? MayEnd::kOnlyWell
                              : MayEnd::kInUse)) {
    parts_.history.EndUnload(id);
  } else {
    parts_.history.AbandonUnload(id);
  }
}

void Churn::Merge() {
  v1::MergeAdapterRequest request;
  for (v1::AdapterWeight& component : RandomComponents()) {
    *request.add_components() = std::move(component);
  }
  Count("merge", parts_.client.MergeAdapter(request).status(),
        UnlessLoaded(request.components(0).adapter_id()));
}

void Churn::Unmerge() {
  v1::UnmergeAdapterRequest request;
  for (v1::AdapterWeight& component : RandomComponents()) {
    *request.add_components() = std::move(component);
  }
  Count("unmerge", parts_.client.UnmergeAdapter(request).status(),
        MayEnd::kNotFound);
}

// Only the first id is ever pinned: room for the others stays.
void Churn::Pin() {
  v1::UpdateAdapterRequest request;
  request.set_adapter_id(ids_.front());
  request.mutable_update_mask()->add_paths("pinned");
  request.set_pinned(random_.Chance(50));
  Count(request.pinned() ? "pin" : "unpin",
        parts_.client.UpdateAdapter(request).status(),
        UnlessLoaded(ids_.front()));
}

Churn::MayEnd Churn::UnlessLoaded(const std::string& id) const {
  return parts_.history.IsLoaded(id) ? MayEnd::kOnlyWell : MayEnd::kNotFound;
}

bool Churn::Count(const char* kind, const absl::Status& status,
                  MayEnd may_end) {
  if (status.ok()) {
    parts_.tally.CountOperation(kind);
    return true;
  }
  const std::string reason = ReasonOf(status);
  const bool expected =
      (may_end == MayEnd::kNotFound && absl::IsNotFound(status) &&
       (reason == "ADAPTER" || reason == "NOT_MERGED")) ||
      (may_end == MayEnd::kInUse && absl::IsDeadlineExceeded(status) &&
       reason == "IN_USE");
  if (expected) {
    parts_.tally.CountRefused(status);
  } else {
    parts_.tally.CountWrong(
        absl::StrCat(kind, " ended with ", status.ToString()));
  }
  return false;
}

std::vector<v1::AdapterWeight> Churn::RandomComponents() {
  std::vector<v1::AdapterWeight> components(1);
  components[0].set_adapter_id(random_.Pick(ids_));
  if (random_.Chance(50)) return components;
  components.resize(parts_.adapters.twins.size());
  for (size_t i = 0; i < components.size(); ++i) {
    components[i].set_adapter_id(parts_.adapters.twins[i]);
    components[i].set_weight(0.5);
  }
  return components;
}

}  // namespace lora
