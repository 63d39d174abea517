// SPDX-License-Identifier: Apache-2.0
#include "server/engine/engine_router.h"

#include <utility>

#include "server/base/status_macros.h"

namespace lora {

// Remembers how it ended. Thread-safe.
class EngineRouter::Fetch final : public WeightsFetch {
 public:
  // OK until it has failed.
  absl::Status status() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return status_;
  }
  void End(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    status_ = std::move(status);
  }

 private:
  mutable Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

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

absl::StatusOr<PinOutcome> EngineRouter::TryPin(
    absl::Span<const WeightedKey> adapters, ExecutionPath path,
    const WeightsFetch* awaited) {
  if (std::optional<ExecutionPins> pins = TryPinNow(adapters, path)) {
    return *std::move(pins);
  }
  if (awaited != nullptr) {
    LORA_RETURN_IF_ERROR(static_cast<const Fetch*>(awaited)->status());
  }
  return PinsAwaited{.wait = WaitOf(adapters, path),
                     .fetch = JoinFetch(adapters, path)};
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

std::shared_ptr<const EngineRouter::Fetch> EngineRouter::JoinFetch(
    absl::Span<const WeightedKey> adapters, ExecutionPath path) {
  WeightsNeed need(path, {adapters.begin(), adapters.end()});
  std::shared_ptr<const Fetch> fetch;
  {
    MutexLock lock(mu_);
    std::shared_ptr<Fetch>& under_way = fetches_[need];
    if (under_way != nullptr) return under_way;
    under_way = std::make_shared<Fetch>();
    fetch = under_way;
  }
  StartFetch(std::move(need));
  return fetch;
}

void EngineRouter::StartFetch(WeightsNeed need) {
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
    fetches_.extract(need).mapped()->End(std::move(status));
  }
  wake_();
}

PinWait EngineRouter::WaitOf(absl::Span<const WeightedKey> adapters,
                             ExecutionPath path) const {
  const bool waits_for_room = path == ExecutionPath::kMerged
                                  ? merged_->WaitsForRoom(adapters)
                                  : residency_->WaitsForRoom(KeysOf(adapters));
  return waits_for_room ? PinWait::kRoom : PinWait::kFetch;
}

}  // namespace lora
