// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_INFO_H_
#define LORA_SERVER_ADAPTER_ADAPTER_INFO_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/adapter/adapter_key.h"
#include "server/adapter/adapter_residency.h"
#include "server/adapter/adapter_spec.h"

namespace lora {

// The life cycle of an adapter's serving version. kFailed only where no
// version serves.
enum class AdapterState : uint8_t { kLoading, kReady, kDraining, kFailed };

// Which copy stays when the device copy is evicted.
enum class WarmTier : uint8_t { kDisk, kHost };

// How a bare or doubtful file is read.
struct AdapterLoadOptions {
  // Of a file that carries none. A PEFT folder's config decides it, so that one
  // is refused (CONFIG_CONFLICT) when this is set.
  std::optional<double> alpha;
  // Refuse a file that names another base model, instead of warning.
  bool strict_base = false;
  // Skip tensors of modules that the config does not target, with a warning.
  bool skip_untargeted = false;
};

// The version that is being loaded beside the serving one.
struct PendingVersion {
  std::string digest;  // Empty until the files have been read.
  AdapterState state = AdapterState::kLoading;
  double progress = 0.0;  // In [0, 1], by bytes.
};

// A snapshot of one adapter, as Get, List and Watch show it.
struct AdapterInfo {
  AdapterId id;
  std::string digest;  // Of the serving version; empty before the first load.
  std::string source;
  AdapterState state = AdapterState::kLoading;
  AdapterTier tier = AdapterTier::kDisk;
  AdapterKind kind = AdapterKind::kLora;
  AdapterFormat format = AdapterFormat::kPeft;
  int32_t rank = 0;
  std::vector<std::string> target_modules;
  int64_t host_bytes = 0;
  int64_t device_bytes = 0;
  bool pinned = false;
  WarmTier warm_tier = WarmTier::kDisk;
  int64_t inflight_requests = 0;
  int64_t requests_total = 0;
  std::map<std::string, std::string> labels;
  std::vector<std::string> warnings;
  absl::Time create_time = absl::InfinitePast();
  absl::Time load_time = absl::InfinitePast();
  absl::Time last_used_time = absl::InfinitePast();
  std::optional<PendingVersion> pending;
  absl::Status error;  // Why the last load failed; OK otherwise.
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_INFO_H_
