// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_SYNC_POINT_H_
#define LORA_SERVER_BASE_SYNC_POINT_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/base/mutex.h"

namespace lora {

// Named points in concurrent code at which a test can hold a thread, so that a
// race happens every time. Production code passes no SyncPoints and pays a
// null check; see ReachSyncPoint.
//
//   sync.Hold("upload");         // Whoever gets there stops.
//   sync.AwaitArrivals("upload", 1);  // One thread is there.
//   ...                          // What must happen meanwhile.
//   sync.Release("upload");
//
// Thread-safe. Outlives the code that it is given to; no point may be held
// when it is destroyed.
class SyncPoints {
 public:
  // Makes threads that reach `point` wait for Release.
  void Hold(absl::string_view point) ABSL_LOCKS_EXCLUDED(mu_);
  // Lets the waiting and all later threads pass.
  void Release(absl::string_view point) ABSL_LOCKS_EXCLUDED(mu_);
  // Returns when `point` has been reached `count` times in all.
  void AwaitArrivals(absl::string_view point, int64_t count)
      ABSL_LOCKS_EXCLUDED(mu_);
  // How often `point` has been reached.
  int64_t Arrivals(absl::string_view point) const ABSL_LOCKS_EXCLUDED(mu_);

  // Called by the code under test.
  void Reach(absl::string_view point) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Point {
    int64_t arrivals = 0;
    bool held = false;
  };

  mutable Mutex mu_;
  CondVar changed_;
  absl::flat_hash_map<std::string, Point> points_ ABSL_GUARDED_BY(mu_);
};

inline void ReachSyncPoint(SyncPoints* sync, absl::string_view point) {
  if (sync != nullptr) sync->Reach(point);
}

}  // namespace lora

#endif  // LORA_SERVER_BASE_SYNC_POINT_H_
