// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_WATCH_HUB_H_
#define LORA_SERVER_ADAPTER_WATCH_HUB_H_

#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/adapter/adapter_plane.h"
#include "server/base/mutex.h"
#include "server/base/task_pool.h"

namespace lora {

// Tells watchers what changed, in order, on a thread of its own: each first
// hears its snapshot, then every event published after Add.
//
// Thread-safe; a caller that needs Add and Publish in one order holds its own
// lock over both. A watcher's callback must not call Remove.
class WatchHub {
 public:
  void Add(WaitId id, AdapterPlane::WatchCallback callback,
           std::vector<AdapterEvent> snapshot) ABSL_LOCKS_EXCLUDED(mu_);
  // After it returns the callback of `id` is not running and never will.
  void Remove(WaitId id) ABSL_LOCKS_EXCLUDED(mu_);
  void Publish(AdapterEvent event) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether a Publish would reach somebody.
  bool has_watchers() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Watcher {
    AdapterPlane::WatchCallback callback;  // The hub's thread only.
    bool ready = false;                    // Has got its snapshot.
  };
  using WatcherPtr = std::shared_ptr<Watcher>;

  void Deliver(const std::vector<AdapterEvent>& events,
               const std::vector<WaitId>& ids) ABSL_LOCKS_EXCLUDED(mu_);

  mutable Mutex mu_;
  CondVar delivered_;
  std::map<WaitId, WatcherPtr> watchers_ ABSL_GUARDED_BY(mu_);
  // The watcher that is being called; null: none.
  WatcherPtr calling_ ABSL_GUARDED_BY(mu_);
  TaskPool thread_{1};  // Last: it uses the rest.
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_WATCH_HUB_H_
