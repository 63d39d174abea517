// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_STATS_H_
#define LORA_SERVER_ADAPTER_ADAPTER_STATS_H_

#include <cstdint>

namespace lora {

// Bytes of one tier by what holds them.
struct TierStats {
  int64_t capacity_bytes = 0;
  int64_t used_bytes = 0;    // All of the below, and reservations.
  int64_t pinned_bytes = 0;  // In use: cannot be evicted now.
  int64_t num_evictions = 0;
};

// A snapshot of the adapter plane for metrics and GetServerInfo.
struct AdapterStats {
  TierStats host;
  TierStats device;
  int64_t num_loads = 0;  // Device copies made.
  int64_t num_load_failures = 0;
  // Adapters by state.
  int64_t num_loading = 0;
  int64_t num_ready = 0;
  int64_t num_draining = 0;
  int64_t num_failed = 0;
  int64_t num_leases = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_STATS_H_
