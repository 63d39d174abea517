// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_RESIDENCY_H_
#define LORA_SERVER_ADAPTER_ADAPTER_RESIDENCY_H_

#include <cstdint>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/adapter/adapter_key.h"
#include "server/adapter/device_adapter.h"

namespace lora {

// Where an adapter's bytes are: a fact about the moment, not a state.
enum class AdapterTier : uint8_t { kDisk, kHost, kDevice };

// What the step and the router need of the store: pins that never block.
// AdapterStore implements it; scheduler and engine tests fake it.
class AdapterResidency {
 public:
  virtual ~AdapterResidency() = default;

  // Pins every adapter of `keys`, or none. Never blocks and does no I/O.
  //
  // UNAVAILABLE: one is not on the device; see EnsureResident.
  virtual absl::StatusOr<std::vector<AdapterHandle>> TryAcquireAll(
      absl::Span<const AdapterKey> keys) = 0;

  // Brings every adapter of `keys` to the device and calls `done` exactly
  // once, on a loader thread or before returning. Passes no pin: the caller
  // tries TryAcquireAll again. Concurrent calls share one load per key.
  //
  // To `done`: OK, also when room must first be freed by others (it then waits
  // for it); RESOURCE_EXHAUSTED (QUOTA): the set can never fit; DATA_LOSS: the
  // files no longer match the digest.
  virtual void EnsureResident(
      absl::Span<const AdapterKey> keys,
      absl::AnyInvocable<void(absl::Status) &&> done) = 0;

  // Whether `keys` cannot all be brought in until others give pins back. False
  // when they are on the device. Never blocks.
  virtual bool WaitsForRoom(absl::Span<const AdapterKey> keys) const = 0;

  // Where `key` is now.
  virtual AdapterTier TierOf(const AdapterKey& key) const = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_RESIDENCY_H_
