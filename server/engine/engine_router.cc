// SPDX-License-Identifier: Apache-2.0
#include "server/engine/engine_router.h"

#include <utility>

namespace lora {
namespace {

std::vector<AdapterKey> KeysOf(absl::Span<const WeightedKey> adapters) {
  std::vector<AdapterKey> keys;
  keys.reserve(adapters.size());
  for (const WeightedKey& adapter : adapters) keys.push_back(adapter.key);
  return keys;
}

}  // namespace

ExecutionPath EngineRouter::ChoosePath(const RouteQuestion& question) {
  if (question.adapters.empty()) return ExecutionPath::kUnmerged;
  switch (question.preference) {
    case PathPreference::kUnmerged:
      return ExecutionPath::kUnmerged;
    case PathPreference::kMerged:
      return ExecutionPath::kMerged;
    case PathPreference::kAuto:
      break;
  }
  return merged_->Choose(question);
}

absl::StatusOr<ExecutionPins> EngineRouter::TryPin(
    absl::Span<const WeightedKey> adapters, ExecutionPath path) {
  std::optional<ExecutionPins> pins = TryPinNow(adapters, path);
  if (pins.has_value()) return *std::move(pins);
  WeightsNeed need(path, {adapters.begin(), adapters.end()});
  {
    MutexLock lock(mu_);
    const auto it = fetches_.find(need);
    if (it != fetches_.end() && !it->second.has_value()) {
      return absl::UnavailableError("being fetched");
    }
    if (it != fetches_.end()) {
      absl::Status failure = *std::move(it->second);
      fetches_.erase(it);
      return failure;
    }
    fetches_.emplace(need, std::nullopt);
  }
  Fetch(std::move(need));
  return absl::UnavailableError("being fetched");
}

std::optional<ExecutionPins> EngineRouter::TryPinNow(
    absl::Span<const WeightedKey> adapters, ExecutionPath path) {
  ExecutionPins pins{.path = path};
  if (adapters.empty()) return pins;
  if (path == ExecutionPath::kMerged) {
    pins.merged = merged_->TryPin(adapters);
    if (pins.merged == nullptr) return std::nullopt;
    return pins;
  }
  absl::StatusOr<std::vector<AdapterHandle>> handles =
      residency_->TryAcquireAll(KeysOf(adapters));
  if (!handles.ok()) return std::nullopt;
  pins.handles = *std::move(handles);
  return pins;
}

void EngineRouter::Fetch(WeightsNeed need) {
  const auto [path, adapters] = need;
  auto done = [this, need = std::move(need)](absl::Status status) {
    OnFetched(need, std::move(status));
  };
  if (path == ExecutionPath::kMerged) {
    merged_->Build(adapters, std::move(done));
  } else {
    residency_->EnsureResident(KeysOf(adapters), std::move(done));
  }
}

void EngineRouter::OnFetched(const WeightsNeed& need, absl::Status status) {
  {
    MutexLock lock(mu_);
    if (status.ok()) {
      fetches_.erase(need);
    } else {
      fetches_[need] = std::move(status);
    }
  }
  wake_();
}

}  // namespace lora
