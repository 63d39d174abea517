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

class AdapterStoreSetTest : public AdapterStoreTest {
 protected:
  AdapterStoreSetTest() {
    AdapterStoreOptions options = DefaultOptions();
    options.device_capacity_bytes = 20;
    Restart(options);
    a_ = Add("a", 10);
    b_ = Add("b", 10);
    c_ = Add("c", 10);
    d_ = Add("d", 10);
  }

  void Promote(const AdapterKey& key) {
    CallbackResult<absl::Status> promoted;
    store_->Promote(key, promoted.Callback());
    EXPECT_OK(promoted.Await());
  }

  // Lets a load of {a, b} lose `a` while it waits for `b`.
  void StartASetThatLosesAMember(CallbackResult<absl::Status>& set) {
    Promote(b_);  // Its host copy is gone now.
    Promote(c_);
    Promote(d_);
    sync_.Hold("Read:b");
    store_->EnsureResident(std::vector<AdapterKey>{a_, b_}, set.Callback());
    Promote(a_);
    Promote(c_);
    Promote(d_);
    EXPECT_EQ(store_->TierOf(a_), AdapterTier::kDisk);
  }

  AdapterKey a_;
  AdapterKey b_;
  AdapterKey c_;
  AdapterKey d_;
};

TEST_F(AdapterStoreSetTest, ASetIsThereTogetherThoughAMemberWasEvicted) {
  CallbackResult<absl::Status> set;
  StartASetThatLosesAMember(set);
  sync_.Release("Read:b");
  ASSERT_OK(set.Await());
  EXPECT_OK(store_->TryAcquireAll(std::vector<AdapterKey>{a_, b_}));
}

TEST_F(AdapterStoreSetTest, ASetThatKeepsMembersDoesNotWaitBehindOthers) {
  const AdapterKey big = Add("big", 20);
  CallbackResult<absl::Status> set;
  StartASetThatLosesAMember(set);
  const int64_t reads = sync_.Arrivals("Read:a");
  sync_.Hold("Read:a");
  sync_.Release("Read:b");
  sync_.AwaitArrivals("Read:a", reads + 1);  // In its turn; it keeps `b`.
  CallbackResult<absl::Status> other;
  const int64_t waiting = sync_.Arrivals("DevicePromoter::OnHostCopy");
  store_->EnsureResident({&big, 1}, other.Callback());
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", waiting + 1);
  EXPECT_EQ(store_->TierOf(b_), AdapterTier::kDevice);
  sync_.Release("Read:a");
  ASSERT_OK(set.Await());
  EXPECT_FALSE(other.called());
  ASSERT_OK(store_->TryAcquireAll(std::vector<AdapterKey>{a_, b_}));
  EXPECT_OK(other.Await());
}

TEST_F(AdapterStoreSetTest, ASetEndsWithAMemberThatIsRemoved) {
  CallbackResult<absl::Status> set;
  StartASetThatLosesAMember(set);
  const int64_t reads = sync_.Arrivals("Read:a");
  sync_.Hold("Read:a");
  sync_.Release("Read:b");
  sync_.AwaitArrivals("Read:a", reads + 1);
  EXPECT_EQ(Remove(b_).device_bytes, 10);  // The set kept it.
  EXPECT_THAT(set.Await(), StatusIs(absl::StatusCode::kCancelled));
  sync_.Release("Read:a");
  Promote(c_);  // The turn has ended.
}

TEST_F(AdapterStoreSetTest, ASetThatAPinMakesHopelessIsEnded) {
  CallbackResult<absl::Status> set;
  StartASetThatLosesAMember(set);
  const int64_t reads = sync_.Arrivals("Read:a");
  sync_.Hold("Read:a");
  sync_.Release("Read:b");
  sync_.AwaitArrivals("Read:a", reads + 1);
  ASSERT_OK(store_->SetPinned(c_, true));
  EXPECT_THAT(set.Await(), StatusIs(absl::StatusCode::kResourceExhausted,
                                    ErrorReason::kQuota));
  sync_.Release("Read:a");
  EXPECT_OK(Ensure({c_, d_}));
}

TEST_F(AdapterStoreSetTest, ASetInItsTurnLetsGoForWhoUsesARetainedVersion) {
  CallbackResult<absl::Status> set;
  StartASetThatLosesAMember(set);
  const int64_t reads = sync_.Arrivals("Read:a");
  sync_.Hold("Read:a");
  sync_.Release("Read:b");
  sync_.AwaitArrivals("Read:a", reads + 1);  // In its turn; it keeps `b`.
  loader_.Delete("d");
  store_->Retain(d_);
  sync_.Release("Read:a");
  EXPECT_OK(Ensure({c_, d_}));
  EXPECT_FALSE(set.called());
  EXPECT_OK(store_->TryAcquireAll(std::vector<AdapterKey>{c_, d_}));
  store_->Unretain(d_);
  EXPECT_OK(set.Await());
}

}  // namespace
}  // namespace lora
