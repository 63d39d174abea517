// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_LOADER_H_
#define LORA_SERVER_ADAPTER_ADAPTER_LOADER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/host_adapter.h"
#include "server/adapter/load_progress.h"
#include "server/base/ids.h"

namespace lora {

// Reads adapters from where they are stored. The plane sees sources and
// formats only through it. Thread-safe: loader threads call it.
class AdapterLoader {
 public:
  virtual ~AdapterLoader() = default;

  // At least the bytes that Read will hold, without reading them.
  //
  // NOT_FOUND (ADAPTER_FILES_MISSING); PERMISSION_DENIED (PATH).
  virtual absl::StatusOr<int64_t> Measure(const std::string& source) = 0;

  // Reads, checks and digests the adapter; what it returns holds at most
  // `max_bytes`.
  //
  // What Measure returns; the reasons of docs/errors.md for adapter files;
  // UNAVAILABLE (SOURCE_UNREACHABLE): the files have grown beyond `max_bytes`,
  // which is seen before they are read; CANCELLED: `progress` said to stop.
  virtual absl::StatusOr<std::unique_ptr<HostAdapter>> Read(
      const AdapterId& id, const std::string& source,
      const AdapterLoadOptions& options, int64_t max_bytes,
      LoadProgress& progress) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_LOADER_H_
