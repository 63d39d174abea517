// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_ENGINE_ROUTER_H_
#define LORA_SERVER_ENGINE_ENGINE_ROUTER_H_

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/adapter/adapter_residency.h"
#include "server/adapter/execution_pins.h"
#include "server/base/mutex.h"

namespace lora {

// Adapters on the device (AdapterResidency brings them in) or a merged copy in
// its cache (MergedRoutes does).
using WeightsNeed = std::pair<ExecutionPath, std::vector<WeightedKey>>;

// The weights that sequences may be routed to, merged ones: MergeWorker
// implements it, tests fake it. Thread-safe; only Build may block.
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
  // Whether the copy cannot be built until others give pins back.
  virtual bool WaitsForRoom(absl::Span<const WeightedKey> adapters) const = 0;
};

// Takes pins for sequences and fetches what is missing, once for all that wait.
// A failure is told to those who waited for that fetch, and to nobody else.
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
  absl::StatusOr<PinOutcome> TryPin(absl::Span<const WeightedKey> adapters,
                                    ExecutionPath path,
                                    const WeightsFetch* awaited) override;

 private:
  class Fetch;

  std::optional<ExecutionPins> TryPinNow(absl::Span<const WeightedKey> adapters,
                                         ExecutionPath path);
  std::shared_ptr<const Fetch> JoinFetch(absl::Span<const WeightedKey> adapters,
                                         ExecutionPath path);
  void StartFetch(WeightsNeed need);
  void OnFetched(const WeightsNeed& need, absl::Status status);
  PinWait WaitOf(absl::Span<const WeightedKey> adapters,
                 ExecutionPath path) const;

  AdapterResidency* const residency_;
  MergedRoutes* const merged_;
  absl::AnyInvocable<void()> wake_;
  Mutex mu_;
  // Those under way; who waits for one that has ended keeps it alive.
  absl::flat_hash_map<WeightsNeed, std::shared_ptr<Fetch>> fetches_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_ENGINE_ROUTER_H_
