// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_FAKE_DEPENDENT_H_
#define LORA_TESTS_FAKES_FAKE_DEPENDENT_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/adapter/adapter_dependent.h"
#include "server/adapter/adapter_lease.h"
#include "server/base/mutex.h"
#include "server/base/sync_point.h"

namespace lora {

// Uses adapters as the engine does: holds leases until it is told to cancel,
// and copies with a number of bytes. A ReleaseCopies that has done its work
// reaches the sync point "ReleaseCopies". Thread-safe.
class FakeDependent final : public AdapterDependent {
 public:
  explicit FakeDependent(SyncPoints* sync = nullptr) : sync_(sync) {}

  void AddUser(AdapterLease lease) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    users_[lease.key()].push_back(std::move(lease));
  }
  void AddCopy(const AdapterKey& key, int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    copy_bytes_[key] += bytes;
  }

  int64_t CancelUsers(const AdapterKey& key) override {
    std::vector<AdapterLease> users;  // End after the lock.
    MutexLock lock(mu_);
    users.swap(users_[key]);
    return static_cast<int64_t>(users.size());
  }
  int64_t ReleaseCopies(const AdapterKey& key) override {
    int64_t bytes = 0;
    {
      MutexLock lock(mu_);
      bytes = std::exchange(copy_bytes_[key], 0);
    }
    ReachSyncPoint(sync_, "ReleaseCopies");
    return bytes;
  }

 private:
  SyncPoints* const sync_;
  Mutex mu_;
  std::map<AdapterKey, std::vector<AdapterLease>> users_ ABSL_GUARDED_BY(mu_);
  std::map<AdapterKey, int64_t> copy_bytes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_TESTS_FAKES_FAKE_DEPENDENT_H_
