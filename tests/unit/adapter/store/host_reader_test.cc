// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/host_reader.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/fake_adapter_loader.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using Result = CallbackResult<absl::StatusOr<HostHandle>>;

class HostReaderTest : public ::testing::Test {
 protected:
  ~HostReaderTest() override {
    reader_.Close();
    threads_.AwaitIdle();
  }

  HostReader::Request Request(const std::string& source) {
    return {AdapterId("a"), source, {}};
  }

  SyncPoints sync_;
  FakeAdapterLoader loader_{&sync_};
  Reclaimer reclaimer_;
  TaskGroup threads_;
  TaskPool loaders_{2, &threads_};
  TaskPool control_{1, &threads_};
  HostReader reader_{{.loader = &loader_,
                      .cache = &cache_,
                      .loaders = &loaders_,
                      .control = &control_,
                      .sync = &sync_}};
  HostCache cache_{100, &reclaimer_};
};

TEST_F(HostReaderTest, AReadPinsTheHostCopyAndChargesIt) {
  loader_.Put("dir", {.content = "v1", .host_bytes = 40});
  Result result;
  std::vector<double> heard;
  reader_.Start(
      Request("dir"), [&](double f) { heard.push_back(f); }, result.Callback());
  absl::StatusOr<HostHandle> host = result.Take();
  ASSERT_OK(host);
  EXPECT_EQ(host->key().id, AdapterId("a"));
  EXPECT_EQ(host->charge(), 40);
  EXPECT_EQ(cache_.usage().pinned, 40);
  EXPECT_THAT(heard, ::testing::ElementsAre(0.5));
}

TEST_F(HostReaderTest, TheSameContentTwiceIsOneCopy) {
  loader_.Put("dir", {.content = "v1", .host_bytes = 40});
  Result first;
  Result second;
  reader_.Start(Request("dir"), nullptr, first.Callback());
  reader_.Start(Request("dir"), nullptr, second.Callback());
  absl::StatusOr<HostHandle> a = first.Take();
  absl::StatusOr<HostHandle> b = second.Take();
  ASSERT_OK(a);
  ASSERT_OK(b);
  EXPECT_EQ(a->get(), b->get());
  EXPECT_EQ(cache_.used_bytes(), 40);
}

TEST_F(HostReaderTest, WhatCannotBeReadGivesItsRoomBack) {
  loader_.Put("dir", {.content = "v1", .status = absl::DataLossError("bad")});
  Result broken;
  reader_.Start(Request("dir"), nullptr, broken.Callback());
  EXPECT_THAT(broken.Await(), StatusIs(absl::StatusCode::kDataLoss));
  Result missing;
  reader_.Start(Request("nowhere"), nullptr, missing.Callback());
  EXPECT_THAT(missing.Await(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(cache_.used_bytes(), 0);
}

TEST_F(HostReaderTest, AFailureIsToldWhenItsRoomIsGivenBack) {
  loader_.Put("dir", {.content = "v1", .status = absl::DataLossError("bad")});
  CallbackResult<int64_t> used;
  reader_.Start(Request("dir"), nullptr,
                [this, done = used.Callback()](
                    const absl::StatusOr<HostHandle>& host) mutable {
                  EXPECT_THAT(host, StatusIs(absl::StatusCode::kDataLoss));
                  done(cache_.used_bytes());
                });
  EXPECT_EQ(used.Await(), 0);
}

TEST_F(HostReaderTest, ACancelledReadEndsAtTheNextLook) {
  loader_.Put("dir", {.content = "v1"});
  sync_.Hold("Read:dir");
  Result result;
  const auto read = reader_.Start(Request("dir"), nullptr, result.Callback());
  sync_.AwaitArrivals("Read:dir", 1);
  reader_.Cancel(read);
  sync_.Release("Read:dir");
  EXPECT_THAT(result.Await(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(loader_.num_reads(), 0);
}

TEST_F(HostReaderTest, ACancelledReadStopsWaitingForRoom) {
  loader_.Put("big", {.content = "big", .host_bytes = 80});
  loader_.Put("dir", {.content = "v1", .host_bytes = 40});
  Result big;
  reader_.Start(Request("big"), nullptr, big.Callback());
  ASSERT_OK(big.Await());  // Still pinned.
  Result result;
  const auto read = reader_.Start(Request("dir"), nullptr, result.Callback());
  reader_.Cancel(read);
  EXPECT_THAT(result.Await(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(HostReaderTest, ACancelledReadDoesNotWaitForALoaderThread) {
  loader_.Put("slow", {.content = "v1", .host_bytes = 40});
  sync_.Hold("Read:slow");
  std::vector<Result> slow(2);
  for (Result& result : slow) {
    reader_.Start(Request("slow"), nullptr, result.Callback());
  }
  sync_.AwaitArrivals("Read:slow", 2);
  Result result;
  const auto read = reader_.Start(Request("slow"), nullptr, result.Callback());
  reader_.Cancel(read);
  EXPECT_THAT(result.Await(), StatusIs(absl::StatusCode::kCancelled));
  sync_.Release("Read:slow");
  for (Result& other : slow) EXPECT_OK(other.Await());
  EXPECT_EQ(loader_.num_reads(), 2);
}

TEST_F(HostReaderTest, ACancelledReadGivesItsRoomBackBeforeItEnds) {
  loader_.Put("next", {.content = "v2", .host_bytes = 60});
  // Both loaders are busy when the next one gets its room.
  absl::StatusOr<HostCache::Reservation> others = cache_.Reserve(60);
  ASSERT_OK(others);
  sync_.Hold("busy");
  Result result;
  const auto read = reader_.Start(Request("next"), nullptr, result.Callback());
  for (int i = 0; i < 2; ++i) loaders_.Post([this] { sync_.Reach("busy"); });
  sync_.AwaitArrivals("busy", 2);
  *others = HostCache::Reservation();
  reader_.Cancel(read);
  EXPECT_THAT(result.Await(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(cache_.used_bytes(), 0);
  sync_.Release("busy");
}

TEST_F(HostReaderTest, ErrorsNameTheAdapter) {
  Result missing;
  reader_.Start(Request("nowhere"), nullptr, missing.Callback());
  EXPECT_THAT(missing.Await(), MessageIs(::testing::HasSubstr("\"a\"")));
}

TEST_F(HostReaderTest, FilesThatGrowMeanwhileAreReadAgainLater) {
  loader_.Put("dir", {.content = "v1", .host_bytes = 40});
  sync_.Hold("HostReader::Load");
  Result result;
  reader_.Start(Request("dir"), nullptr, result.Callback());
  sync_.AwaitArrivals("HostReader::Load", 1);  // It has been measured.
  loader_.Put("dir", {.content = "v2", .host_bytes = 41});
  sync_.Release("HostReader::Load");
  EXPECT_THAT(result.Await(), StatusIs(absl::StatusCode::kUnavailable,
                                       ErrorReason::kSourceUnreachable));
  EXPECT_EQ(cache_.used_bytes(), 0);
}

}  // namespace
}  // namespace lora
