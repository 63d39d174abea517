// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_FAKE_UPLOADER_H_
#define LORA_TESTS_FAKES_FAKE_UPLOADER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "server/adapter/device_adapter.h"
#include "server/base/mutex.h"
#include "server/base/sync_point.h"

namespace lora {

// What FakeUploader makes: remembers whose weights it is, and counts itself.
class FakeDeviceAdapter final : public DeviceAdapter {
 public:
  FakeDeviceAdapter(AdapterKey key, int64_t bytes,
                    std::atomic<int64_t>* live_bytes)
      : key_(std::move(key)), bytes_(bytes), live_bytes_(live_bytes) {
    *live_bytes_ += bytes_;
  }
  ~FakeDeviceAdapter() override { *live_bytes_ -= bytes_; }

  const AdapterKey& key() const { return key_; }

 private:
  const AdapterKey key_;
  const int64_t bytes_;
  std::atomic<int64_t>* const live_bytes_;
};

// An AdapterUploader without a device. `max_rank` of a spec is its device
// bytes. Upload reaches the sync point "Upload:<id>". Thread-safe; outlives
// what it made.
class FakeUploader final : public AdapterUploader {
 public:
  explicit FakeUploader(SyncPoints* sync = nullptr) : sync_(sync) {}

  // Uploads fail with `status` until it is OK again.
  void SetStatus(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    status_ = status;
  }
  // Of the device adapters that exist now.
  int64_t live_bytes() const { return live_bytes_; }
  int64_t num_uploads() const { return num_uploads_; }

  int64_t DeviceBytes(const AdapterSpec& spec) const override {
    return spec.max_rank;
  }

  absl::StatusOr<std::unique_ptr<const DeviceAdapter>> Upload(
      const HostAdapter& adapter) override {
    ReachSyncPoint(sync_, absl::StrCat("Upload:", adapter.key.id.value()));
    ++num_uploads_;
    MutexLock lock(mu_);
    if (!status_.ok()) return status_;
    return std::make_unique<const FakeDeviceAdapter>(
        adapter.key, DeviceBytes(adapter.spec), &live_bytes_);
  }

 private:
  SyncPoints* const sync_;
  std::atomic<int64_t> live_bytes_{0};
  std::atomic<int64_t> num_uploads_{0};
  Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_TESTS_FAKES_FAKE_UPLOADER_H_
