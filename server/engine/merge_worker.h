// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_MERGE_WORKER_H_
#define LORA_SERVER_ENGINE_MERGE_WORKER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/adapter/execution_pins.h"
#include "server/engine/engine_info.h"
#include "server/engine/engine_router.h"
#include "server/engine/generation.h"

namespace lora {

// The merged copies of the weights as the engine uses them: built on a thread
// of its own, pinned by sequences, listed and dropped by RPC. Thread-safe.
class MergeWorker : public MergedRoutes {
 public:
  using MergeCallback =
      absl::AnyInvocable<void(absl::StatusOr<MergedAdapterInfo>) &&>;

  // Leases the adapters, brings them in, and builds or finds their copy.
  // `components` are at least one, with finite weights and each id once.
  //
  // To `done`, once: RESOURCE_EXHAUSTED (QUOTA, MEMORY); INVALID_ARGUMENT
  // (WEIGHTS): they are so large that values of the copy are not finite;
  // ABORTED: an adapter was unloaded meanwhile; CANCELLED: CancelMerge;
  // UNAVAILABLE (DRAINING): the worker ends; and what leasing the adapters and
  // bringing them in returns.
  virtual MergeId Merge(std::vector<WeightedAdapterId> components, bool pinned,
                        MergeCallback done) = 0;

  // Ends a merge with CANCELLED now, unless it was answered; it holds no lease
  // then. A copy that is being built is finished and kept.
  virtual void CancelMerge(MergeId id) = 0;

  // Ends the merges that hold a lease on `key` with ABORTED; returns how many.
  // A copy that is being built is finished: ReleaseCopies drops it.
  virtual int64_t CancelUsers(const AdapterKey& key) = 0;

  // NOT_FOUND (NOT_MERGED).
  virtual absl::StatusOr<int64_t> Unmerge(
      const std::string& merged_id,
      absl::Span<const WeightedAdapterId> components) = 0;
  virtual std::vector<MergedAdapterInfo> List() const = 0;
  virtual MemoryUse memory() const = 0;
  // Drops every copy that `key` is part of; returns their bytes.
  virtual int64_t ReleaseCopies(const AdapterKey& key) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_MERGE_WORKER_H_
