// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/watch_hub.h"

#include <utility>

namespace lora {

void WatchHub::Add(WaitId id, AdapterPlane::WatchCallback callback,
                   std::vector<AdapterEvent> snapshot) {
  auto watcher = std::make_shared<Watcher>();
  watcher->callback = std::move(callback);
  {
    MutexLock lock(mu_);
    watchers_.emplace(id, watcher);
  }
  thread_.Post([this, id, watcher, snapshot = std::move(snapshot)] {
    {
      // Events published before Add were posted before this task.
      MutexLock lock(mu_);
      watcher->ready = true;
    }
    Deliver(snapshot, {id});
  });
}

void WatchHub::Remove(WaitId id) {
  MutexLock lock(mu_);
  auto node = watchers_.extract(id);
  if (node.empty()) return;
  while (calling_ == node.mapped()) delivered_.Wait(mu_);
}

void WatchHub::Publish(AdapterEvent event) {
  if (!has_watchers()) return;
  thread_.Post([this, event = std::move(event)] {
    std::vector<WaitId> ids;
    {
      MutexLock lock(mu_);
      for (const auto& [id, watcher] : watchers_) {
        if (watcher->ready) ids.push_back(id);
      }
    }
    Deliver({event}, ids);
  });
}

bool WatchHub::has_watchers() const {
  MutexLock lock(mu_);
  return !watchers_.empty();
}

void WatchHub::Deliver(const std::vector<AdapterEvent>& events,
                       const std::vector<WaitId>& ids) {
  for (const WaitId id : ids) {
    for (const AdapterEvent& event : events) {
      WatcherPtr watcher;
      {
        MutexLock lock(mu_);
        const auto it = watchers_.find(id);
        if (it == watchers_.end()) break;
        watcher = calling_ = it->second;
      }
      watcher->callback(event);
      MutexLock lock(mu_);
      calling_ = nullptr;
      delivered_.NotifyAll();
    }
  }
}

}  // namespace lora
