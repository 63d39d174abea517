// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_WATCHER_SET_H_
#define LORA_SERVER_RPC_WATCHER_SET_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"
#include "server/rpc/watch_reactor.h"

namespace lora {

// The open watches, so that a shutdown can end them: no caller ever would.
// Thread-safe.
class WatcherSet {
 public:
  // Adds an open watch, or ends it at once after EndAll.
  void Add(const std::shared_ptr<WatchReactor>& watch) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends every watch, also later ones, with UNAVAILABLE (DRAINING).
  void EndAll() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::weak_ptr<WatchReactor>> watches_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_WATCHER_SET_H_
