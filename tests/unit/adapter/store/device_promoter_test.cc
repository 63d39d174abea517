// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/device_promoter.h"

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/base/error.h"
#include "tests/fakes/fake_adapter_loader.h"
#include "tests/fakes/fake_uploader.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

// How a promotion ended, and what the caches held when that was told.
struct Outcome {
  absl::StatusOr<DevicePromoter::Promoted> promoted;
  int64_t host_pinned = 0;
  int64_t device_used = 0;
};

class DevicePromoterTest : public ::testing::Test {
 protected:
  DevicePromoterTest() {
    loader_.Put("dir", {.content = "v1", .host_bytes = 40, .device_bytes = 30});
  }
  ~DevicePromoterTest() override {
    reader_.Close();
    device_queue_.Close(absl::CancelledError("the test ends"));
    threads_.AwaitIdle();
  }

  DevicePromoter::Request Request(const std::string& content) {
    return {.key = {AdapterId("a"), FakeAdapterLoader::DigestOf(content)},
            .source = "dir",
            .device_bytes = 30};
  }
  std::shared_ptr<DevicePromoter::Promotion> Start(
      CallbackResult<Outcome>& result, const std::string& content = "v1") {
    return promoter_.Start(
        Request(content),
        [this, done = result.Callback()](
            absl::StatusOr<DevicePromoter::Promoted> promoted) mutable {
          done({std::move(promoted), host_cache_.usage().pinned,
                device_cache_.used_bytes()});
        });
  }

  SyncPoints sync_;
  FakeAdapterLoader loader_{&sync_};
  FakeUploader uploader_{&sync_};
  Reclaimer reclaimer_;
  TaskGroup threads_;
  TaskPool loaders_{2, &threads_};
  TaskPool uploads_{1, &threads_};
  TaskPool control_{1, &threads_};
  HostReader reader_{{.loader = &loader_,
                      .cache = &host_cache_,
                      .loaders = &loaders_,
                      .control = &control_,
                      .sync = &sync_}};
  HostCache host_cache_{100, &reclaimer_};
  ReservationQueue<DeviceCache> device_queue_{&device_cache_, &uploads_};
  DeviceCache device_cache_{100, &reclaimer_};
  DevicePromoter promoter_{{.host_cache = &host_cache_,
                            .reader = &reader_,
                            .device_queue = &device_queue_,
                            .uploader = &uploader_,
                            .uploads = &uploads_,
                            .control = &control_,
                            .forget_unused =
                                [this](const AdapterKey& key, auto done) {
                                  forgotten_ = key;
                                  control_.Post(std::move(done));
                                },
                            .sync = &sync_}};
  AdapterKey forgotten_;
};

TEST_F(DevicePromoterTest, APromotionBringsTheCopyAndItsRoom) {
  CallbackResult<Outcome> result;
  Start(result);
  const Outcome outcome = result.Take();
  ASSERT_OK(outcome.promoted);
  EXPECT_EQ(outcome.promoted->reservation.bytes(), 30);
  EXPECT_NE(outcome.promoted->adapter, nullptr);
  EXPECT_EQ(outcome.host_pinned, 40);
}

TEST_F(DevicePromoterTest, AHostCopyIsUsedRatherThanRead) {
  CallbackResult<absl::StatusOr<HostHandle>> read;
  reader_.Start({AdapterId("a"), "dir", {}}, nullptr, read.Callback());
  ASSERT_OK(read.Await());
  CallbackResult<Outcome> result;
  Start(result);
  EXPECT_OK(result.Await().promoted);
  EXPECT_EQ(loader_.num_reads(), 1);
}

TEST_F(DevicePromoterTest, AFailureIsToldWhenNothingIsHeldAnyMore) {
  uploader_.SetStatus(Error(absl::StatusCode::kResourceExhausted,
                            ErrorReason::kMemory, "no room"));
  CallbackResult<Outcome> result;
  Start(result);
  const Outcome outcome = result.Take();
  EXPECT_THAT(
      outcome.promoted.status(),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kMemory));
  EXPECT_EQ(outcome.host_pinned, 0);
  EXPECT_EQ(outcome.device_used, 0);
}

TEST_F(DevicePromoterTest, ACancelIsToldWhenNothingIsHeldAnyMore) {
  sync_.Hold("DevicePromoter::Upload");
  CallbackResult<Outcome> result;
  const auto promotion = Start(result);
  sync_.AwaitArrivals("DevicePromoter::Upload", 1);
  EXPECT_EQ(device_cache_.used_bytes(), 30);
  promoter_.Cancel(*promotion, absl::AbortedError("unloaded"));
  sync_.Release("DevicePromoter::Upload");
  const Outcome outcome = result.Take();
  EXPECT_THAT(outcome.promoted.status(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(outcome.host_pinned, 0);
  EXPECT_EQ(outcome.device_used, 0);
  EXPECT_EQ(uploader_.num_uploads(), 0);
}

TEST_F(DevicePromoterTest, ACancelAfterTheReadIsToldWhenNothingIsHeld) {
  CallbackResult<absl::StatusOr<HostHandle>> read;
  reader_.Start({AdapterId("a"), "dir", {}}, nullptr, read.Callback());
  ASSERT_OK(read.Take());  // There, and not pinned.
  // The thread is busy, so that the cancel comes before the promotion.
  sync_.Hold("busy");
  control_.Post([this] { sync_.Reach("busy"); });
  sync_.AwaitArrivals("busy", 1);
  CallbackResult<Outcome> result;
  const auto promotion = Start(result);
  promoter_.Cancel(*promotion, absl::AbortedError("unloaded"));
  sync_.Release("busy");
  const Outcome outcome = result.Take();
  EXPECT_THAT(outcome.promoted.status(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(outcome.host_pinned, 0);
}

TEST_F(DevicePromoterTest, DamagedFilesOfAKnownDigestAreDataLoss) {
  loader_.Put("dir",
              {.content = "v1",
               .status = Error(absl::StatusCode::kInvalidArgument,
                               ErrorReason::kStLength, "is 7 bytes short")});
  CallbackResult<Outcome> result;
  Start(result);
  const absl::Status status = result.Take().promoted.status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDataLoss, ErrorReason::kStLength));
  EXPECT_THAT(status, MessageIs(::testing::HasSubstr("is 7 bytes short")));
}

TEST_F(DevicePromoterTest, FilesThatAreNotThoseOfTheKeyAreDataLoss) {
  CallbackResult<Outcome> result;
  Start(result, "v0");
  const Outcome outcome = result.Take();
  EXPECT_THAT(
      outcome.promoted.status(),
      StatusIs(absl::StatusCode::kDataLoss, ErrorReason::kDigestMismatch));
  EXPECT_EQ(forgotten_.digest, FakeAdapterLoader::DigestOf("v1"));
  EXPECT_EQ(outcome.host_pinned, 0);
  EXPECT_EQ(outcome.device_used, 0);
}

TEST_F(DevicePromoterTest, WhoWaitsForRoomHoldsNoHostMemory) {
  absl::StatusOr<DeviceCache::Reservation> others = device_cache_.Reserve(80);
  ASSERT_OK(others);
  CallbackResult<Outcome> result;
  Start(result);
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 1);
  EXPECT_EQ(host_cache_.usage().pinned, 0);
  host_cache_.Doom(Request("v1").key);  // As if it was evicted.
  others = absl::CancelledError();
  EXPECT_OK(result.Await().promoted);
  EXPECT_EQ(loader_.num_reads(), 2);
}

TEST_F(DevicePromoterTest, ARoomIsGivenBackIfTheFilesAreGoneMeanwhile) {
  absl::StatusOr<DeviceCache::Reservation> others = device_cache_.Reserve(80);
  ASSERT_OK(others);
  CallbackResult<Outcome> result;
  Start(result);
  sync_.AwaitArrivals("DevicePromoter::OnHostCopy", 1);
  host_cache_.Doom(Request("v1").key);
  loader_.Delete("dir");
  others = absl::CancelledError();
  const Outcome outcome = result.Take();
  EXPECT_THAT(
      outcome.promoted.status(),
      StatusIs(absl::StatusCode::kDataLoss, ErrorReason::kAdapterFilesMissing));
  EXPECT_EQ(outcome.device_used, 0);
}

}  // namespace
}  // namespace lora
