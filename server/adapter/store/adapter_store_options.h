// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_ADAPTER_STORE_OPTIONS_H_
#define LORA_SERVER_ADAPTER_STORE_ADAPTER_STORE_OPTIONS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace lora {

// What becomes of an adapter's host copy once it is on the device, unless its
// warm tier is HOST.
enum class HostCopy : uint8_t {
  kDropAfterUpload,  // The device is the host's own memory.
  kKeep,             // Until the host budget needs its room.
};

struct AdapterStoreOptions {
  int64_t host_capacity_bytes = 0;
  int64_t device_capacity_bytes = 0;
  int loader_threads = 2;  // Adapters that are read at a time.
  HostCopy host_copy = HostCopy::kDropAfterUpload;
  // How long a set that EnsureResident brought in is kept for TryAcquireAll, so
  // that two requests do not evict one another's for ever.
  absl::Duration hold = absl::Seconds(1);
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_ADAPTER_STORE_OPTIONS_H_
