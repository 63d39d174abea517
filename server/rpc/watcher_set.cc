// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/watcher_set.h"

#include <utility>

#include "server/base/error.h"

namespace lora {
namespace {

absl::Status Draining() {
  return Error(absl::StatusCode::kUnavailable, ErrorReason::kDraining,
               "the server is shutting down: watch another one, or this one "
               "when it is back");
}

}  // namespace

void WatcherSet::Add(const std::shared_ptr<WatchReactor>& watch) {
  {
    MutexLock lock(mu_);
    if (!ended_) {
      std::erase_if(watches_,
                    [](const auto& other) { return other.expired(); });
      watches_.push_back(watch);
      return;
    }
  }
  watch->End(Draining());
}

void WatcherSet::EndAll() {
  std::vector<std::weak_ptr<WatchReactor>> watches;
  {
    MutexLock lock(mu_);
    ended_ = true;
    watches = std::exchange(watches_, {});
  }
  for (const std::weak_ptr<WatchReactor>& weak : watches) {
    if (const auto watch = weak.lock()) watch->End(Draining());
  }
}

}  // namespace lora
