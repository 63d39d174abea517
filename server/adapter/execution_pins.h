// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_EXECUTION_PINS_H_
#define LORA_SERVER_ADAPTER_EXECUTION_PINS_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/adapter/adapter_key.h"
#include "server/adapter/device_adapter.h"

namespace lora {

// One adapter of a request: y += weight * delta.
struct WeightedKey {
  AdapterKey key;
  float weight = 1.0f;

  friend auto operator<=>(const WeightedKey&, const WeightedKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const WeightedKey& component) {
    return H::combine(std::move(h), component.key, component.weight);
  }
};

// Which weights compute a request's rows.
enum class ExecutionPath : uint8_t { kUnmerged, kMerged };

// What the request asked for.
enum class PathPreference : uint8_t { kAuto, kUnmerged, kMerged };

// Keeps a merged copy of the weights alive; lora/ derives it.
class MergedPin {
 public:
  virtual ~MergedPin() = default;
};

// The device memory that a running sequence uses: taken at admission, given
// back on preemption or at the end. Either the handles or the merged pin.
struct ExecutionPins {
  ExecutionPath path = ExecutionPath::kUnmerged;
  std::vector<AdapterHandle> handles;  // In canonical (key) order.
  std::unique_ptr<MergedPin> merged;
};

// What decides how a request runs, as it is admitted.
struct RouteQuestion {
  absl::Span<const WeightedKey> adapters;
  PathPreference preference = PathPreference::kAuto;
  int64_t num_prompt_tokens = 0;
  int64_t max_new_tokens = 0;
  int64_t num_sharing = 0;  // Running on the merged copy of `adapters`.
  int64_t num_other = 0;    // Running on other weights.
};

// Takes pins for sequences. The engine implements it, so that the scheduler
// names neither Torch nor merging. Not thread-safe: engine thread only.
class PathRouter {
 public:
  virtual ~PathRouter() = default;

  // Decides, once per request, how it runs. Cheap; takes nothing.
  virtual ExecutionPath ChoosePath(const RouteQuestion& question) = 0;

  // Pins what `path` needs, all or nothing; never blocks.
  //
  // UNAVAILABLE: not resident; it is being brought in, and the engine is woken
  // when it may be tried again. Any other code: never; the request fails.
  virtual absl::StatusOr<ExecutionPins> TryPin(
      absl::Span<const WeightedKey> adapters, ExecutionPath path) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_EXECUTION_PINS_H_
