// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_LIFECYCLE_H_
#define LORA_SERVER_ADAPTER_ADAPTER_LIFECYCLE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/adapter/adapter_info.h"

namespace lora {

// "READY" for kReady.
absl::string_view AdapterStateName(AdapterState state);

// The state of one adapter and the only way to change it; README.md has the
// picture. Not thread-safe: the manager's mutex guards it.
class AdapterLifecycle {
 public:
  explicit AdapterLifecycle(AdapterState state) : state_(state) {}

  AdapterState state() const { return state_; }

  // Changes the state from `from` to `to`.
  //
  // FAILED_PRECONDITION (STATE): it is not `from`, or there is no such step;
  // nothing changes.
  absl::Status Transition(AdapterState from, AdapterState to);

 private:
  AdapterState state_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_LIFECYCLE_H_
