// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_VERSION_H_
#define LORA_SERVER_ADAPTER_ADAPTER_VERSION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/adapter_key.h"
#include "server/adapter/adapter_spec.h"
#include "server/adapter/host_adapter.h"

namespace lora {

class AdapterManager;

// The manager's record of one version: what was read from its files, and who
// uses it. What is not const is guarded by the manager's mutex.
class AdapterVersion {
 public:
  AdapterVersion(AdapterManager* manager, const HostAdapter& host,
                 int64_t device_bytes)
      : manager(manager),
        key(host.key),
        kind(host.spec.kind),
        format(host.spec.format),
        rank(host.spec.max_rank),
        target_modules(host.spec.target_modules),
        warnings(host.spec.warnings),
        host_bytes(host.host_bytes()),
        device_bytes(device_bytes) {}

  AdapterManager* const manager;
  const AdapterKey key;
  const AdapterKind kind;
  const AdapterFormat format;
  const int32_t rank;
  const std::vector<std::string> target_modules;
  const std::vector<std::string> warnings;
  const int64_t host_bytes;
  const int64_t device_bytes;

  // Where it was last loaded from.
  std::string source;
  AdapterLoadOptions load_options;
  int64_t num_leases = 0;
  bool serving = false;  // New requests get this version.
  bool loading = false;  // A load is about to make it the serving one.
  absl::Time load_time = absl::InfinitePast();
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_VERSION_H_
