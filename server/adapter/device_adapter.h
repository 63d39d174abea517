// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_DEVICE_ADAPTER_H_
#define LORA_SERVER_ADAPTER_DEVICE_ADAPTER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "server/adapter/host_adapter.h"
#include "server/base/pinned_cache.h"

namespace lora {

// An adapter's weights as the kernels read them, opaque to this layer: lora/
// derives LoraWeights, tests derive a fake. Immutable.
class DeviceAdapter {
 public:
  virtual ~DeviceAdapter() = default;
};

// Copies adapters from host memory to the device. Implemented by lora/.
// Thread-safe: loader threads call it.
class AdapterUploader {
 public:
  virtual ~AdapterUploader() = default;

  // Bytes that Upload will allocate for `spec`, exactly: the device charge.
  virtual int64_t DeviceBytes(const AdapterSpec& spec) const = 0;

  // Blocks until the copy is complete.
  //
  // RESOURCE_EXHAUSTED (MEMORY): the device has no room.
  virtual absl::StatusOr<std::unique_ptr<const DeviceAdapter>> Upload(
      const HostAdapter& adapter) = 0;
};

using DeviceCache = PinnedCache<AdapterKey, DeviceAdapter>;

// Keeps one adapter on the device for as long as it lives.
using AdapterHandle = DeviceCache::Handle;

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_DEVICE_ADAPTER_H_
