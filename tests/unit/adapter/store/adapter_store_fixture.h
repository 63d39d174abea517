// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_ADAPTER_STORE_ADAPTER_STORE_FIXTURE_H_
#define LORA_TESTS_UNIT_ADAPTER_STORE_ADAPTER_STORE_FIXTURE_H_

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/adapter/store/adapter_store.h"
#include "tests/fakes/fake_adapter_loader.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_uploader.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"

namespace lora {

// An AdapterStore of 100 bytes a tier over fake files, device and clock.
class AdapterStoreTest : public ::testing::Test {
 protected:
  ~AdapterStoreTest() override { EXPECT_OK(store_->CheckIntegrity()); }

  static AdapterStoreOptions DefaultOptions() {
    return {.host_capacity_bytes = 100, .device_capacity_bytes = 100};
  }
  void Restart(const AdapterStoreOptions& options) {
    store_.reset();
    store_ = std::make_unique<AdapterStore>(options, &loader_, &uploader_,
                                            &clock_, &sync_);
  }

  // Writes files and makes them a version; its bytes stay on disk.
  AdapterKey Add(const std::string& id, int32_t device_bytes,
                 WarmTier warm_tier = WarmTier::kDisk) {
    loader_.Put(id, {.content = id, .device_bytes = device_bytes});
    CallbackResult<absl::StatusOr<HostHandle>> read;
    store_->Read({AdapterId(id), id, {}}, nullptr, read.Callback());
    absl::StatusOr<HostHandle> host = read.Take();
    EXPECT_OK(host);
    EXPECT_OK(store_->Add(**host, {.source = id, .warm_tier = warm_tier}));
    return host->key();
  }
  absl::Status Ensure(const std::vector<AdapterKey>& keys) {
    CallbackResult<absl::Status> ensured;
    store_->EnsureResident(keys, ensured.Callback());
    return ensured.Take();
  }
  AdapterStore::Freed Remove(const AdapterKey& key) {
    CallbackResult<AdapterStore::Freed> removed;
    store_->Remove(key, removed.Callback());
    return removed.Take();
  }
  int64_t DeviceUsed() const {
    AdapterStats stats;
    store_->AddStats(stats);
    return stats.device.used_bytes;
  }

  SyncPoints sync_;
  FakeClock clock_;
  FakeAdapterLoader loader_{&sync_};
  FakeUploader uploader_{&sync_};
  std::unique_ptr<AdapterStore> store_ = std::make_unique<AdapterStore>(
      DefaultOptions(), &loader_, &uploader_, &clock_, &sync_);
};

}  // namespace lora

#endif  // LORA_TESTS_UNIT_ADAPTER_STORE_ADAPTER_STORE_FIXTURE_H_
