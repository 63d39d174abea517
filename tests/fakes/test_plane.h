// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_TEST_PLANE_H_
#define LORA_TESTS_FAKES_TEST_PLANE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/adapter/adapter_manager.h"
#include "tests/fakes/fake_adapter_loader.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_uploader.h"
#include "tests/support/callback_result.h"

namespace lora {

// A real AdapterManager over fake files, device and clock, and its calls as
// plain functions that wait for the answer. Outlives its leases and handles.
class TestPlane {
 public:
  static AdapterManagerOptions DefaultOptions() {
    return {
        .store = {.host_capacity_bytes = 1000, .device_capacity_bytes = 100}};
  }

  explicit TestPlane(AdapterManagerOptions options = DefaultOptions()) {
    auto loader = std::make_unique<FakeAdapterLoader>(&sync_);
    loader_ = loader.get();
    auto manager = AdapterManager::Create(std::move(options), std::move(loader),
                                          &uploader_, &clock_, &sync_);
    create_status_ = manager.status();
    if (manager.ok()) manager_ = *std::move(manager);
  }

  const absl::Status& create_status() const { return create_status_; }
  AdapterManager& manager() { return *manager_; }
  FakeAdapterLoader& loader() { return *loader_; }
  FakeUploader& uploader() { return uploader_; }
  FakeClock& clock() { return clock_; }
  SyncPoints& sync() { return sync_; }

  absl::StatusOr<AdapterInfo> Load(LoadAdapterSpec spec) {
    CallbackResult<absl::StatusOr<AdapterInfo>> result;
    manager_->Load(std::move(spec), result.Callback());
    return result.Take();
  }
  // Writes files with `content` for `id` and loads them, replacing.
  absl::StatusOr<AdapterInfo> LoadContent(const std::string& id,
                                          const std::string& content) {
    loader_->Put(id, {.content = content});
    return Load({.id = AdapterId(id), .source = id, .replace = true});
  }
  absl::StatusOr<AdapterInfo> Update(const UpdateAdapterSpec& spec) {
    CallbackResult<absl::StatusOr<AdapterInfo>> result;
    manager_->Update(spec, result.Callback());
    return result.Take();
  }
  absl::StatusOr<UnloadResult> Unload(UnloadAdapterSpec spec) {
    CallbackResult<absl::StatusOr<UnloadResult>> result;
    manager_->Unload(std::move(spec), result.Callback());
    return result.Take();
  }
  absl::StatusOr<std::vector<AdapterLease>> Lease(
      const std::vector<std::string>& ids) {
    CallbackResult<absl::StatusOr<std::vector<AdapterLease>>> result;
    manager_->AcquireLeases({ids.begin(), ids.end()}, result.Callback());
    return result.Take();
  }
  // Brings `keys` to the device and pins them.
  absl::StatusOr<std::vector<AdapterHandle>> Acquire(
      const std::vector<AdapterKey>& keys) {
    CallbackResult<absl::Status> ensured;
    manager_->residency().EnsureResident(keys, ensured.Callback());
    if (!ensured.Await().ok()) return ensured.Await();
    return manager_->residency().TryAcquireAll(keys);
  }

 private:
  SyncPoints sync_;
  FakeClock clock_;
  FakeUploader uploader_{&sync_};
  FakeAdapterLoader* loader_ = nullptr;  // The manager's.
  absl::Status create_status_;
  std::unique_ptr<AdapterManager> manager_;
};

}  // namespace lora

#endif  // LORA_TESTS_FAKES_TEST_PLANE_H_
