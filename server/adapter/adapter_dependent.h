// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_DEPENDENT_H_
#define LORA_SERVER_ADAPTER_ADAPTER_DEPENDENT_H_

#include <cstdint>

#include "server/adapter/adapter_key.h"

namespace lora {

// Something above this layer that uses adapters or keeps copies made of them:
// the engine, the prefix cache, the merged weights. Registered with
// AdapterManager by the composition root. Thread-safe.
class AdapterDependent {
 public:
  virtual ~AdapterDependent() = default;

  // Ends every request that uses `key` with ABORTED and returns how many there
  // were. Does not wait for them.
  virtual int64_t CancelUsers(const AdapterKey& key) = 0;

  // Drops every copy derived from `key` (as soon as nothing pins it) and
  // returns their bytes.
  virtual int64_t ReleaseCopies(const AdapterKey& key) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_DEPENDENT_H_
