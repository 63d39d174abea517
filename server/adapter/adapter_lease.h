// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_LEASE_H_
#define LORA_SERVER_ADAPTER_ADAPTER_LEASE_H_

#include <memory>
#include <utility>

#include "server/adapter/adapter_key.h"

namespace lora {

class AdapterVersion;  // The manager's record of one version.

// A request's claim on one version of an adapter, from Submit to its end, also
// while it is queued or preempted: what a drain waits for and
// `inflight_requests` counts. It keeps the version's bytes reachable on some
// tier; it does not keep them on the device (AdapterHandle does).
//
// Move-only; ends when destroyed. Must not outlive the AdapterManager.
class AdapterLease {
 public:
  AdapterLease() = default;
  AdapterLease(AdapterLease&&) noexcept = default;
  AdapterLease& operator=(AdapterLease&& other) noexcept;
  ~AdapterLease();

  explicit operator bool() const { return version_ != nullptr; }
  const AdapterKey& key() const;

 private:
  friend class AdapterManager;
  explicit AdapterLease(std::shared_ptr<AdapterVersion> version)
      : version_(std::move(version)) {}
  void Release();

  std::shared_ptr<AdapterVersion> version_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_LEASE_H_
