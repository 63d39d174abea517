// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_ENGINE_ROUTER_H_
#define LORA_SERVER_ENGINE_ENGINE_ROUTER_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/adapter/adapter_residency.h"
#include "server/adapter/execution_pins.h"
#include "server/base/mutex.h"

namespace lora {

// What brings weights in when admission finds them missing: adapters to the
// device (AdapterResidency) or a merged copy into its cache (MergeWorker).
using WeightsNeed = std::pair<ExecutionPath, std::vector<WeightedKey>>;

// The weights that sequences may be routed to, merged ones: MergeWorker
// implements it, tests fake it. Thread-safe; Choose and TryPin never block.
class MergedRoutes {
 public:
  virtual ~MergedRoutes() = default;
  // What AUTO becomes; see MergePolicy.
  virtual ExecutionPath Choose(const RouteQuestion& question) = 0;
  // The pin of a merged copy; null: there is none, see Build.
  virtual std::unique_ptr<MergedPin> TryPin(
      absl::Span<const WeightedKey> adapters) = 0;
  // Builds the copy; calls `done` once, on any thread. The copy may be evicted
  // again before it is pinned.
  virtual void Build(std::vector<WeightedKey> adapters,
                     absl::AnyInvocable<void(absl::Status) &&> done) = 0;
};

// Takes pins for sequences and fetches what is missing, once for all that wait.
//
// Engine thread only, but for the callbacks it hands out.
class EngineRouter final : public PathRouter {
 public:
  // `wake` is called, from any thread, when a pin may be tried again. All must
  // outlive the router, and their callbacks must have come before it ends.
  EngineRouter(AdapterResidency* residency, MergedRoutes* merged,
               absl::AnyInvocable<void()> wake)
      : residency_(residency), merged_(merged), wake_(std::move(wake)) {}

  ExecutionPath ChoosePath(const RouteQuestion& question) override;
  absl::StatusOr<ExecutionPins> TryPin(absl::Span<const WeightedKey> adapters,
                                       ExecutionPath path) override;

 private:
  std::optional<ExecutionPins> TryPinNow(absl::Span<const WeightedKey> adapters,
                                         ExecutionPath path);
  void Fetch(WeightsNeed need);
  void OnFetched(const WeightsNeed& need, absl::Status status);

  AdapterResidency* const residency_;
  MergedRoutes* const merged_;
  absl::AnyInvocable<void()> wake_;
  Mutex mu_;
  // Being fetched: nullopt; failed, to be told to the next who asks: why.
  absl::flat_hash_map<WeightsNeed, std::optional<absl::Status>> fetches_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_ENGINE_ROUTER_H_
