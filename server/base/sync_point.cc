// SPDX-License-Identifier: Apache-2.0
#include "server/base/sync_point.h"

namespace lora {

void SyncPoints::Hold(absl::string_view point) {
  MutexLock lock(mu_);
  points_[point].held = true;
}

void SyncPoints::Release(absl::string_view point) {
  MutexLock lock(mu_);
  points_[point].held = false;
  changed_.NotifyAll();
}

void SyncPoints::AwaitArrivals(absl::string_view point, int64_t count) {
  MutexLock lock(mu_);
  while (points_[point].arrivals < count) changed_.Wait(mu_);
}

int64_t SyncPoints::Arrivals(absl::string_view point) const {
  MutexLock lock(mu_);
  const auto it = points_.find(point);
  return it == points_.end() ? 0 : it->second.arrivals;
}

void SyncPoints::Reach(absl::string_view point) {
  MutexLock lock(mu_);
  ++points_[point].arrivals;
  changed_.NotifyAll();
  while (points_[point].held) changed_.Wait(mu_);
}

}  // namespace lora
