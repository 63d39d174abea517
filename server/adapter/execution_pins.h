// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_EXECUTION_PINS_H_
#define LORA_SERVER_ADAPTER_EXECUTION_PINS_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
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

  bool empty() const { return handles.empty() && merged == nullptr; }
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

// Weights that are being brought in; the router derives it. Whoever waits for
// them keeps it, so that TryPin can tell it how the fetch ended.
class WeightsFetch {
 public:
  virtual ~WeightsFetch() = default;
};

// What a sequence waits for that could not be pinned.
enum class PinWait : uint8_t {
  kFetch,  // I/O or a merge: it ends by itself.
  kRoom,   // Memory that others have pinned.
};

struct PinsAwaited {
  PinWait wait = PinWait::kFetch;
  std::shared_ptr<const WeightsFetch> fetch;
};

using PinOutcome = std::variant<ExecutionPins, PinsAwaited>;

// Takes pins for sequences. The engine implements it, so that the scheduler
// names neither Torch nor merging. Not thread-safe: engine thread only.
class PathRouter {
 public:
  virtual ~PathRouter() = default;

  // Decides, once per request, how it runs. Cheap; takes nothing.
  virtual ExecutionPath ChoosePath(const RouteQuestion& question) = 0;

  // Pins what `path` needs, all or nothing; never blocks. PinsAwaited: it is
  // being brought in, and the engine is woken when that has ended: try again
  // then, with the `fetch` of this time; null the first time.
  //
  // Any error: the fetch that was awaited failed with it. Nothing is retried.
  virtual absl::StatusOr<PinOutcome> TryPin(
      absl::Span<const WeightedKey> adapters, ExecutionPath path,
      const WeightsFetch* awaited) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_EXECUTION_PINS_H_
