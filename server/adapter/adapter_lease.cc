// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_lease.h"

#include <utility>

#include "server/adapter/adapter_manager.h"
#include "server/adapter/adapter_version.h"

namespace lora {

AdapterLease& AdapterLease::operator=(AdapterLease&& other) noexcept {
  if (this != &other) {
    Release();
    version_ = std::move(other.version_);
  }
  return *this;
}

AdapterLease::~AdapterLease() { Release(); }

const AdapterKey& AdapterLease::key() const { return version_->key; }

void AdapterLease::Release() {
  if (version_ == nullptr) return;
  AdapterManager* const manager = version_->manager;
  manager->EndLease(std::exchange(version_, nullptr));
}

}  // namespace lora
