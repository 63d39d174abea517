// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/adapter_store.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/fake_adapter_loader.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_uploader.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

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

TEST_F(AdapterStoreTest, WhatIsNotResidentIsUnavailableUntilItIsBroughtIn) {
  const AdapterKey key = Add("a", 10);
  EXPECT_THAT(store_->TryAcquireAll({&key, 1}),
              StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(Ensure({key}));
  ASSERT_OK_AND_ASSIGN(const auto handles, store_->TryAcquireAll({&key, 1}));
  EXPECT_EQ(handles[0].key(), key);
  EXPECT_EQ(handles[0].charge(), 10);
}

TEST_F(AdapterStoreTest, AcquiringIsAllOrNothing) {
  const std::vector<AdapterKey> keys = {Add("a", 10), Add("b", 10)};
  ASSERT_OK(Ensure({keys[0]}));
  EXPECT_THAT(store_->TryAcquireAll(keys),
              StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(Ensure(keys));
  ASSERT_OK_AND_ASSIGN(const auto handles, store_->TryAcquireAll(keys));
  EXPECT_EQ(handles.size(), 2);
}

TEST_F(AdapterStoreTest, NoKeysAreAlwaysThere) {
  EXPECT_OK(Ensure({}));
  ASSERT_OK_AND_ASSIGN(const auto handles, store_->TryAcquireAll({}));
  EXPECT_TRUE(handles.empty());
}

TEST_F(AdapterStoreTest, ManyWaitersShareOneLoad) {
  const AdapterKey key = Add("a", 10);
  sync_.Hold("Upload:a");
  std::vector<CallbackResult<absl::Status>> waits(5);
  for (auto& wait : waits) store_->EnsureResident({&key, 1}, wait.Callback());
  sync_.Release("Upload:a");
  for (auto& wait : waits) EXPECT_OK(wait.Await());
  EXPECT_EQ(uploader_.num_uploads(), 1);
}

TEST_F(AdapterStoreTest, AFailureReachesEveryWaiterAndIsTriedAnew) {
  const AdapterKey key = Add("a", 10);
  uploader_.SetStatus(Error(absl::StatusCode::kResourceExhausted,
                            ErrorReason::kMemory, "no room"));
  EXPECT_THAT(Ensure({key}), StatusIs(absl::StatusCode::kResourceExhausted,
                                      ErrorReason::kMemory));
  EXPECT_EQ(DeviceUsed(), 0);
  uploader_.SetStatus(absl::OkStatus());
  EXPECT_OK(Ensure({key}));
}

TEST_F(AdapterStoreTest, AUnknownKeyIsNotFound) {
  EXPECT_THAT(Ensure({{AdapterId("a"), "d"}}),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapter));
}

TEST_F(AdapterStoreTest, ASetThatCanNeverFitIsRefusedAtOnce) {
  const std::vector<AdapterKey> keys = {Add("a", 60), Add("b", 60)};
  EXPECT_THAT(Ensure(keys), StatusIs(absl::StatusCode::kResourceExhausted,
                                     ErrorReason::kQuota));
  for (const AdapterKey& key : keys) {
    EXPECT_OK(Ensure({key}));
    EXPECT_OK(store_->TryAcquireAll({&key, 1}));  // No longer held.
  }
}

TEST_F(AdapterStoreTest, PinnedBytesCountAgainstWhatCanFit) {
  const AdapterKey pinned = Add("p", 50);
  const AdapterKey wide = Add("w", 60);
  ASSERT_OK(store_->SetPinned(pinned, true));
  EXPECT_THAT(Ensure({wide}), StatusIs(absl::StatusCode::kResourceExhausted,
                                       ErrorReason::kQuota));
  EXPECT_THAT(
      store_->SetPinned(wide, true),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  ASSERT_OK(store_->SetPinned(pinned, false));
  EXPECT_OK(Ensure({wide}));
}

TEST_F(AdapterStoreTest, ALoadThatAPinMakesHopelessIsEnded) {
  const AdapterKey pinned = Add("p", 50);
  const AdapterKey wide = Add("w", 60);
  ASSERT_OK(Ensure({pinned}));
  ASSERT_OK_AND_ASSIGN(const auto handles, store_->TryAcquireAll({&pinned, 1}));
  CallbackResult<absl::Status> waiting;
  store_->EnsureResident({&wide, 1}, waiting.Callback());
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 2);
  EXPECT_FALSE(waiting.called());
  ASSERT_OK(store_->SetPinned(pinned, true));
  EXPECT_THAT(waiting.Await(), StatusIs(absl::StatusCode::kResourceExhausted,
                                        ErrorReason::kQuota));
}

TEST_F(AdapterStoreTest, ALoadWaitsForRoomThatOthersUse) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey b = Add("b", 60);
  ASSERT_OK(Ensure({a}));
  ASSERT_OK_AND_ASSIGN(auto handles, store_->TryAcquireAll({&a, 1}));
  CallbackResult<absl::Status> waiting;
  store_->EnsureResident({&b, 1}, waiting.Callback());
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 2);
  EXPECT_FALSE(waiting.called());
  handles.clear();
  EXPECT_OK(waiting.Await());
  EXPECT_EQ(store_->TierOf(a), AdapterTier::kDisk);
}

TEST_F(AdapterStoreTest, ASetThatCameInIsHeldForItsCaller) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey b = Add("b", 60);
  ASSERT_OK(Ensure({a}));
  CallbackResult<absl::Status> other;
  store_->EnsureResident({&b, 1}, other.Callback());
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 2);
  {
    ASSERT_OK_AND_ASSIGN(const auto handles, store_->TryAcquireAll({&a, 1}));
    EXPECT_FALSE(other.called());
  }
  EXPECT_OK(other.Await());  // Acquired and given back: no longer held.
}

TEST_F(AdapterStoreTest, ASetThatNobodyComesForIsNotHeldForLong) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey b = Add("b", 60);
  ASSERT_OK(Ensure({a}));
  CallbackResult<absl::Status> other;
  store_->EnsureResident({&b, 1}, other.Callback());
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 2);
  EXPECT_FALSE(other.called());
  clock_.Advance(DefaultOptions().hold);
  EXPECT_OK(other.Await());
}

TEST_F(AdapterStoreTest, TheHostCopyGoesWithTheUploadUnlessTheTierIsHost) {
  const AdapterKey disk = Add("d", 10, WarmTier::kDisk);
  const AdapterKey host = Add("h", 10, WarmTier::kHost);
  ASSERT_OK(Ensure({disk, host}));
  EXPECT_FALSE(store_->HasHostCopy(disk));
  EXPECT_TRUE(store_->HasHostCopy(host));
}

TEST_F(AdapterStoreTest, AHostCopySparesTheDisk) {
  const AdapterKey warm = Add("w", 60, WarmTier::kHost);
  const AdapterKey other = Add("o", 60);
  ASSERT_OK(Ensure({warm}));
  clock_.Advance(DefaultOptions().hold);
  ASSERT_OK(Ensure({other}));
  clock_.Advance(DefaultOptions().hold);
  EXPECT_EQ(store_->TierOf(warm), AdapterTier::kHost);
  const int64_t num_reads = loader_.num_reads();
  ASSERT_OK(Ensure({warm}));
  EXPECT_EQ(loader_.num_reads(), num_reads);
}

TEST_F(AdapterStoreTest, ADeviceOfItsOwnKeepsHostCopies) {
  AdapterStoreOptions options = DefaultOptions();
  options.host_copy = HostCopy::kKeep;
  Restart(options);
  const AdapterKey key = Add("a", 10);
  ASSERT_OK(Ensure({key}));
  EXPECT_TRUE(store_->HasHostCopy(key));
}

TEST_F(AdapterStoreTest, ChangingTheWarmTierMakesOrDropsTheHostCopy) {
  const AdapterKey key = Add("a", 10);
  ASSERT_OK(Ensure({key}));
  const int64_t num_reads = loader_.num_reads();
  store_->SetWarmTier(key, WarmTier::kHost);
  sync_.AwaitArrivals("Read:a", num_reads + 1);
  EXPECT_EQ(Remove(key).host_bytes, 10);
}

TEST_F(AdapterStoreTest, FilesThatChangedAreDataLoss) {
  const AdapterKey key = Add("a", 10);
  ASSERT_OK(Ensure({key}));
  const AdapterKey other = Add("o", 100);
  clock_.Advance(DefaultOptions().hold);
  ASSERT_OK(Ensure({other}));
  clock_.Advance(DefaultOptions().hold);
  loader_.Put("a", {.content = "changed"});
  EXPECT_THAT(Ensure({key}), StatusIs(absl::StatusCode::kDataLoss,
                                      ErrorReason::kDigestMismatch));
  loader_.Put("a", {.content = "a"});  // Put back.
  EXPECT_OK(Ensure({key}));
}

TEST_F(AdapterStoreTest, RemoveReportsWhatItGaveBack) {
  const AdapterKey key = Add("a", 20, WarmTier::kHost);
  ASSERT_OK(Ensure({key}));
  const AdapterStore::Freed freed = Remove(key);
  EXPECT_EQ(freed.device_bytes, 20);
  EXPECT_EQ(freed.host_bytes, 10);
  EXPECT_EQ(uploader_.live_bytes(), 0);
  EXPECT_THAT(Ensure({key}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Remove(key).device_bytes, 0);
}

TEST_F(AdapterStoreTest, RemoveEndsAPromotionUnderWay) {
  for (const char* point : {"Upload:a", "Read:a"}) {
    const AdapterKey key = Add("a", 20);
    store_->ForgetUnused(key, [] {});  // Keeps it: it is a version's.
    const int64_t arrivals = sync_.Arrivals(point);
    if (std::string(point) == "Read:a") {
      // Only on disk: the promotion reads it.
      ASSERT_OK(Ensure({key}));
      const AdapterKey big = Add("big", 100);
      clock_.Advance(DefaultOptions().hold);
      ASSERT_OK(Ensure({big}));
      clock_.Advance(DefaultOptions().hold);
    }
    sync_.Hold(point);
    CallbackResult<absl::Status> waiting;
    store_->EnsureResident({&key, 1}, waiting.Callback());
    sync_.AwaitArrivals(point, arrivals + 1);
    CallbackResult<AdapterStore::Freed> removed;
    store_->Remove(key, removed.Callback());
    EXPECT_FALSE(removed.called());
    sync_.Release(point);
    EXPECT_THAT(waiting.Await(), StatusIs(absl::StatusCode::kCancelled));
    removed.Await();
    EXPECT_EQ(store_->TierOf(key), AdapterTier::kDisk);
  }
}

TEST_F(AdapterStoreTest, ACancelledPromotionEndsItsWaiters) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey b = Add("b", 60);
  ASSERT_OK(Ensure({a}));
  ASSERT_OK_AND_ASSIGN(const auto handles, store_->TryAcquireAll({&a, 1}));
  CallbackResult<absl::Status> waiting;
  store_->EnsureResident({&b, 1}, waiting.Callback());
  store_->CancelPromotion(b);
  EXPECT_THAT(waiting.Await(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(AdapterStoreTest, ARetainedVersionOutlivesItsFiles) {
  const AdapterKey key = Add("a", 10);
  ASSERT_OK(Ensure({key}));
  store_->Retain(key);
  loader_.Delete("a");
  const AdapterKey other = Add("o", 90);
  clock_.Advance(DefaultOptions().hold);
  ASSERT_OK(Ensure({other}));
  EXPECT_OK(Ensure({key}));
  EXPECT_OK(store_->TryAcquireAll({&key, 1}));
  store_->Unretain(key);
}

TEST_F(AdapterStoreTest, WhatWaitsWhenTheStoreEndsIsCancelled) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey b = Add("b", 60);
  ASSERT_OK(Ensure({a}));
  CallbackResult<absl::Status> waiting;
  store_->EnsureResident({&b, 1}, waiting.Callback());  // `a` is held.
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 2);
  Restart(DefaultOptions());
  EXPECT_TRUE(waiting.called());
  EXPECT_THAT(waiting.Await(), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace lora
