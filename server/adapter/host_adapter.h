// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_HOST_ADAPTER_H_
#define LORA_SERVER_ADAPTER_HOST_ADAPTER_H_

#include <cstdint>
#include <string>

#include "server/adapter/adapter_key.h"
#include "server/adapter/adapter_spec.h"

namespace lora {

// One version of an adapter in host memory: the host tier. Immutable.
struct HostAdapter {
  AdapterKey key;
  AdapterSpec spec;
  std::string weights_sha256;  // Of the weights file, lower-case hex.
  std::string bytes;           // The weights file, as read.

  int64_t host_bytes() const { return static_cast<int64_t>(bytes.size()); }
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_HOST_ADAPTER_H_
