// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_SOURCE_ADAPTER_SOURCE_H_
#define LORA_SERVER_ADAPTER_SOURCE_ADAPTER_SOURCE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lora {

// A place that adapters come from. Thread-safe: loader threads call it.
class AdapterSource {
 public:
  virtual ~AdapterSource() = default;

  // The path, on this machine, of the adapter that `source` names. May block.
  //
  // NOT_FOUND (ADAPTER_FILES_MISSING): there is none; PERMISSION_DENIED (PATH):
  // it may not be read. UNAVAILABLE (SOURCE_UNREACHABLE): it cannot be told
  // now.
  virtual absl::StatusOr<std::string> Resolve(const std::string& source) = 0;

  // Whether a file that was opened for `source`, and really is at `real_path`,
  // may be read: between Resolve and the opening its path may have been made to
  // lead elsewhere.
  //
  // PERMISSION_DENIED (PATH). UNAVAILABLE (SOURCE_UNREACHABLE): it cannot be
  // told now.
  virtual absl::Status CheckOpened(const std::string& source,
                                   const std::string& real_path) const = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_SOURCE_ADAPTER_SOURCE_H_
