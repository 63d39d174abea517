// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/adapter_store.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/fake_adapter_loader.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_uploader.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/store/adapter_store_fixture.h"

namespace lora {
namespace {

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

TEST_F(AdapterStoreTest, OnlyWhatOthersHavePinnedMakesASetWaitForRoom) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey b = Add("b", 60);
  ASSERT_OK(Ensure({a}));
  ASSERT_OK_AND_ASSIGN(auto handles, store_->TryAcquireAll({&a, 1}));
  EXPECT_FALSE(store_->WaitsForRoom({&a, 1}));
  EXPECT_TRUE(store_->WaitsForRoom({&b, 1}));
  handles.clear();
  EXPECT_FALSE(store_->WaitsForRoom({&b, 1}));
}

TEST_F(AdapterStoreTest, ALoadUnderWayDoesNotWaitForRoom) {
  const AdapterKey a = Add("a", 60);
  sync_.Hold("Upload:a");
  CallbackResult<absl::Status> ensured;
  store_->EnsureResident({&a, 1}, ensured.Callback());
  sync_.AwaitArrivals("Upload:a", 1);
  EXPECT_FALSE(store_->WaitsForRoom({&a, 1}));
  sync_.Release("Upload:a");
  EXPECT_OK(ensured.Await());
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
  store_->SetOptions(key, {.source = "a", .warm_tier = WarmTier::kHost});
  while (!store_->HasHostCopy(key)) std::this_thread::yield();
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

TEST_F(AdapterStoreTest, TheEndOfARemovalLeavesWhatWasAddedSince) {
  const AdapterKey key = Add("a", 10);
  sync_.Hold("DevicePromoter::Upload");
  CallbackResult<absl::Status> waiting;
  store_->EnsureResident({&key, 1}, waiting.Callback());
  sync_.AwaitArrivals("DevicePromoter::Upload", 1);
  CallbackResult<AdapterStore::Freed> removed;
  store_->Remove(key, removed.Callback());
  ASSERT_EQ(Add("a", 10), key);  // The same content.
  sync_.Release("DevicePromoter::Upload");
  EXPECT_EQ(removed.Await().host_bytes, 0);
  EXPECT_TRUE(store_->HasHostCopy(key));
}

TEST_F(AdapterStoreTest, ACancelledPromoteStopsWaitingForRoom) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey b = Add("b", 60);
  ASSERT_OK(Ensure({a}));
  ASSERT_OK_AND_ASSIGN(auto handles, store_->TryAcquireAll({&a, 1}));
  CallbackResult<absl::Status> waiting;
  store_->Promote(b, waiting.Callback());
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 2);
  store_->CancelPromote(b);
  EXPECT_THAT(waiting.Await(), StatusIs(absl::StatusCode::kCancelled));
  const AdapterKey c = Add("c", 40);
  EXPECT_OK(Ensure({c}));  // Nobody is before it any more.
}

TEST_F(AdapterStoreTest, ACancelledPromoteLeavesOthersTheirLoad) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey pinned = Add("p", 40);
  sync_.Hold("DevicePromoter::Upload");
  CallbackResult<absl::Status> load;
  CallbackResult<absl::Status> request;
  store_->Promote(a, load.Callback());
  store_->EnsureResident({&a, 1}, request.Callback());
  CallbackResult<absl::Status> pinned_load;
  store_->Promote(pinned, pinned_load.Callback());
  ASSERT_OK(store_->SetPinned(pinned, true));
  store_->CancelPromote(a);
  store_->CancelPromote(pinned);
  EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(pinned_load.Await(), StatusIs(absl::StatusCode::kCancelled));
  sync_.Release("DevicePromoter::Upload");
  EXPECT_OK(request.Await());
  EXPECT_OK(Ensure({pinned}));
  EXPECT_EQ(uploader_.num_uploads(), 2);
}

TEST_F(AdapterStoreTest, WhoComesAfterACancelGetsALoadOfTheirOwn) {
  const AdapterKey a = Add("a", 10);
  sync_.Hold("DevicePromoter::Upload");
  CallbackResult<absl::Status> load;
  store_->Promote(a, load.Callback());
  sync_.AwaitArrivals("DevicePromoter::Upload", 1);
  store_->CancelPromote(a);
  EXPECT_THAT(load.Await(), StatusIs(absl::StatusCode::kCancelled));
  CallbackResult<absl::Status> request;
  store_->EnsureResident({&a, 1}, request.Callback());
  sync_.Release("DevicePromoter::Upload");
  EXPECT_OK(request.Await());
  EXPECT_EQ(uploader_.num_uploads(), 1);
}

TEST_F(AdapterStoreTest, APinAfterACancelBringsTheAdapterIn) {
  const AdapterKey a = Add("a", 10);
  sync_.Hold("DevicePromoter::Upload");
  CallbackResult<absl::Status> load;
  store_->Promote(a, load.Callback());
  sync_.AwaitArrivals("DevicePromoter::Upload", 1);
  store_->CancelPromote(a);
  ASSERT_OK(store_->SetPinned(a, true));
  sync_.Release("DevicePromoter::Upload");
  sync_.AwaitArrivals("Upload:a", 1);
}

// A device for two of the adapters `a`, `b`, `c` and `d`.
TEST_F(AdapterStoreTest, SlowFilesHoldUpNothingElse) {
  const AdapterKey warm = Add("w", 10, WarmTier::kHost);
  const AdapterKey resident = Add("r", 10);
  ASSERT_OK(Ensure({resident}));
  loader_.Put("slow", {.content = "slow"});
  sync_.Hold("Read:slow");
  std::vector<CallbackResult<absl::StatusOr<HostHandle>>> reads(2);
  for (auto& read : reads) {
    store_->Read({AdapterId("s"), "slow", {}}, nullptr, read.Callback());
  }
  sync_.AwaitArrivals("Read:slow", 2);  // All loader threads are busy.
  EXPECT_OK(Ensure({warm}));
  EXPECT_EQ(Remove(resident).device_bytes, 10);
  sync_.Release("Read:slow");
  for (auto& read : reads) EXPECT_OK(read.Take());
}

TEST_F(AdapterStoreTest, WhatWasReadInVainIsKeptIfItIsAVersions) {
  const AdapterKey old_version = Add("a", 10);
  ASSERT_OK(Ensure({old_version}));
  loader_.Put("a", {.content = "new"});
  CallbackResult<absl::StatusOr<HostHandle>> read;
  store_->Read({AdapterId("a"), "a", {}}, nullptr, read.Callback());
  absl::StatusOr<HostHandle> host = read.Take();
  ASSERT_OK(host);
  const AdapterKey new_version = host->key();
  ASSERT_OK(store_->Add(**host, {.source = "a", .warm_tier = WarmTier::kHost}));
  host = absl::CancelledError();
  const AdapterKey big = Add("big", 100);
  clock_.Advance(DefaultOptions().hold);
  ASSERT_OK(Ensure({big}));
  clock_.Advance(DefaultOptions().hold);
  EXPECT_THAT(Ensure({old_version}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_TRUE(store_->HasHostCopy(new_version));
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

TEST_F(AdapterStoreTest, ARetainedVersionLeavesTheDeviceToOthers) {
  const AdapterKey a = Add("a", 40);
  const AdapterKey b = Add("b", 30);
  const AdapterKey c = Add("c", 65);
  CallbackResult<absl::Status> promoted;
  store_->Promote(a, promoted.Callback());
  ASSERT_OK(promoted.Await());
  store_->Retain(a);
  CallbackResult<absl::Status> others;
  store_->EnsureResident({&c, 1}, others.Callback());
  ASSERT_OK(others.Await());
  CallbackResult<absl::Status> users;
  store_->EnsureResident(std::vector<AdapterKey>{a, b}, users.Callback());
  EXPECT_OK(store_->TryAcquireAll({&c, 1}));  // Gives it back, too.
  ASSERT_OK(users.Await());
  EXPECT_OK(store_->TryAcquireAll(std::vector<AdapterKey>{a, b}));
}

TEST_F(AdapterStoreTest, WhoUsesAVersionWithoutFilesDoesNotWaitBehindOthers) {
  const AdapterKey a = Add("a", 40);
  const AdapterKey b = Add("b", 30);
  const AdapterKey c = Add("c", 65);
  CallbackResult<absl::Status> promoted;
  store_->Promote(a, promoted.Callback());
  ASSERT_OK(promoted.Await());
  loader_.Delete("a");
  store_->Retain(a);
  const int64_t waiting = sync_.Arrivals("DevicePromoter::OnHostCopy");
  CallbackResult<absl::Status> others;
  store_->EnsureResident({&c, 1}, others.Callback());
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", waiting + 1);
  ASSERT_OK(Ensure({a, b}));
  EXPECT_OK(store_->TryAcquireAll(std::vector<AdapterKey>{a, b}));
  EXPECT_FALSE(others.called());
  store_->Unretain(a);
  EXPECT_OK(others.Await());
}

TEST_F(AdapterStoreTest, ARetainedVersionStaysOnTheDeviceIfTheHostIsSmall) {
  AdapterStoreOptions options = DefaultOptions();
  options.host_capacity_bytes = 19;  // Two files need 20.
  Restart(options);
  const AdapterKey a = Add("a", 40);
  ASSERT_OK(Ensure({a}));
  clock_.Advance(DefaultOptions().hold);
  store_->Retain(a);
  const AdapterKey b = Add("b", 30);
  const AdapterKey c = Add("c", 60);
  ASSERT_OK(Ensure({c}));  // Could be read.
  clock_.Advance(DefaultOptions().hold);
  EXPECT_EQ(store_->TierOf(a), AdapterTier::kDevice);
  EXPECT_OK(Ensure({a, b}));
}

TEST_F(AdapterStoreTest, NoCallbackIsToComeOnceItIsClosed) {
  const AdapterKey key = Add("a", 10);
  sync_.Hold("DevicePromoter::Upload");
  const int64_t arrivals = sync_.Arrivals("DevicePromoter::Upload");
  CallbackResult<absl::Status> waiting;
  store_->EnsureResident({&key, 1}, waiting.Callback());
  sync_.AwaitArrivals("DevicePromoter::Upload", arrivals + 1);
  std::thread closer([this] { store_->Close(); });
  sync_.Release("DevicePromoter::Upload");
  closer.join();
  EXPECT_TRUE(waiting.called());
  CallbackResult<absl::Status> late;
  store_->EnsureResident({&key, 1}, late.Callback());
  EXPECT_TRUE(late.called());
  EXPECT_FALSE(late.Await().ok());
}

TEST_F(AdapterStoreTest, WhatWaitsWhenTheStoreEndsIsAnswered) {
  const AdapterKey a = Add("a", 60);
  const AdapterKey b = Add("b", 60);
  ASSERT_OK(Ensure({a}));
  CallbackResult<absl::Status> waiting;
  store_->EnsureResident({&b, 1}, waiting.Callback());  // `a` is held.
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 2);
  Restart(DefaultOptions());
  EXPECT_TRUE(waiting.called());
  // The end lets go of `a`: now and then there is room just in time.
  if (!waiting.Await().ok()) {
    EXPECT_THAT(waiting.Await(), StatusIs(absl::StatusCode::kCancelled));
  }
}

}  // namespace
}  // namespace lora
