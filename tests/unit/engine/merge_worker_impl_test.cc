// SPDX-License-Identifier: Apache-2.0
#include "server/engine/merge_worker_impl.h"

#include <prometheus/text_serializer.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/adapter/adapter_manager.h"
#include "server/adapter/source/directory_source.h"
#include "server/adapter/source/file_adapter_loader.h"
#include "server/base/sync_point.h"
#include "server/lora/torch_uploader.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Merged = absl::StatusOr<MergedAdapterInfo>;

constexpr char kSkills[] = "examples/skills/adapters";
constexpr char kUpload[] = "DevicePromoter::Upload";

const DecoderModel& Base() {
  static const auto* const model =
      DecoderModel::Load("examples/skills/base", {}).value().release();
  return *model;
}

// The example's base and adapters, and budgets that a test sets.
class MergeWorkerImplTest : public ::testing::Test {
 protected:
  ~MergeWorkerImplTest() override { ShutDown(); }

  void Start(int64_t device_bytes, int64_t merged_bytes) {
    ShutDown();
    AdapterManagerOptions options;
    options.store.host_capacity_bytes = int64_t{1} << 30;
    options.store.device_capacity_bytes = device_bytes;
    manager_ = AdapterManager::Create(
                   options,
                   std::make_unique<FileAdapterLoader>(
                       DirectorySource::Create({.roots = {kSkills}}).value(),
                       Base().spec(), ReadLimits()),
                   &uploader_, &clock_, &sync_)
                   .value();
    worker_ = std::make_unique<MergeWorkerImpl>(
        MergeWorkerImpl::Options{.capacity_bytes = merged_bytes},
        MergeWorkerImpl::Parts{.model = &Base(),
                               .adapters = manager_.get(),
                               .residency = &manager_->residency(),
                               .reclaimer = &reclaimer_,
                               .metrics = &metrics_,
                               .clock = &clock_});
  }
  void StartWithRoom() { Start(int64_t{1} << 30, int64_t{1} << 30); }

  // In the order of the server.
  void ShutDown() {
    if (worker_ != nullptr) worker_->Stop();
    if (manager_ != nullptr) manager_->Close();
    worker_.reset();
    manager_.reset();
  }

  AdapterInfo Load(const std::string& id) {
    CallbackResult<absl::StatusOr<AdapterInfo>> loaded;
    manager_->Load({.id = AdapterId(id), .source = id}, loaded.Callback());
    EXPECT_OK(loaded.Await());
    return loaded.Await().value_or(AdapterInfo());
  }
  AdapterInfo Get(const std::string& id) {
    return manager_->Get(AdapterId(id)).value_or(AdapterInfo());
  }
  Merged Merge(const std::string& id) {
    CallbackResult<Merged> merged;
    worker_->Merge({{AdapterId(id)}}, false, merged.Callback());
    return merged.Take();
  }
  // A merge of "upper", which is not on the device and stops on its way there.
  MergeId MergeHeldAtUpload(CallbackResult<Merged>& merged) {
    StartWithRoom();
    const int64_t upper = Load("upper").device_bytes;
    const int64_t dash = Load("dash").device_bytes;
    Start(upper + dash - 1, int64_t{1} << 30);
    Load("upper");
    Load("dash");  // Evicts it.
    EXPECT_EQ(Get("upper").tier, AdapterTier::kDisk);
    sync_.Hold(kUpload);
    const int64_t arrivals = sync_.Arrivals(kUpload);
    const MergeId id =
        worker_->Merge({{AdapterId("upper")}}, false, merged.Callback());
    sync_.AwaitArrivals(kUpload, arrivals + 1);
    EXPECT_EQ(Get("upper").inflight_requests, 1);
    return id;
  }
  int NumMerged(const std::string& event) {
    const std::string text =
        prometheus::TextSerializer().Serialize(registry_.Collect());
    const std::string line =
        absl::StrCat("lora_merged_copies_total{event=\"", event, "\"} ");
    const size_t begin = text.find(line);
    return begin == std::string::npos
               ? 0
               : std::stoi(text.substr(begin + line.size()));
  }

  SyncPoints sync_;
  RealClock clock_;
  Reclaimer reclaimer_;
  prometheus::Registry registry_;
  EngineMetrics metrics_{registry_};
  TorchUploader uploader_{Base().spec(), Base().dtype(), Base().device()};
  std::unique_ptr<AdapterManager> manager_;
  std::unique_ptr<MergeWorkerImpl> worker_;
};

TEST_F(MergeWorkerImplTest, AMergeBringsItsAdapterInAndMakesACopy) {
  StartWithRoom();
  ASSERT_OK(manager_->Register({.id = AdapterId("upper"), .source = "upper"}));
  const Merged merged = Merge("upper");
  ASSERT_OK(merged);
  EXPECT_GT(merged->bytes, 0);
  EXPECT_EQ(worker_->memory().used_bytes, merged->bytes);
  EXPECT_THAT(worker_->List(), SizeIs(1));
  EXPECT_EQ(Get("upper").inflight_requests, 0);
}

TEST_F(MergeWorkerImplTest, AnUnknownAdapterIsNotFound) {
  StartWithRoom();
  EXPECT_THAT(Merge("nobody"),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapter));
}

TEST_F(MergeWorkerImplTest, ACancelledMergeHoldsNoLease) {
  CallbackResult<Merged> merged;
  const MergeId id = MergeHeldAtUpload(merged);
  worker_->CancelMerge(id);
  EXPECT_TRUE(merged.called());
  EXPECT_THAT(merged.Await(),
              StatusIs(absl::StatusCode::kCancelled, ErrorReason::kCancelled));
  EXPECT_EQ(Get("upper").inflight_requests, 0);
  worker_->CancelMerge(id);
  sync_.Release(kUpload);
}

TEST_F(MergeWorkerImplTest, AForcedUnloadEndsAMergeThatWaits) {
  CallbackResult<Merged> merged;
  MergeHeldAtUpload(merged);
  const AdapterKey key{AdapterId("upper"), Get("upper").digest};
  EXPECT_EQ(worker_->CancelUsers({AdapterId("upper"), "another digest"}), 0);
  EXPECT_FALSE(merged.called());
  EXPECT_EQ(worker_->CancelUsers(key), 1);
  EXPECT_THAT(merged.Await(),
              StatusIs(absl::StatusCode::kAborted, ErrorReason::kAborted));
  EXPECT_EQ(Get("upper").inflight_requests, 0);
  EXPECT_EQ(worker_->CancelUsers(key), 0);
  sync_.Release(kUpload);
}

TEST_F(MergeWorkerImplTest, AMergeThatWaitsForItsLeaseCanBeCancelled) {
  StartWithRoom();
  ASSERT_OK(manager_->Register({.id = AdapterId("upper"), .source = "upper"}));
  sync_.Hold("HostReader::Load");
  CallbackResult<Merged> merged;
  const MergeId id =
      worker_->Merge({{AdapterId("upper")}}, false, merged.Callback());
  sync_.AwaitArrivals("HostReader::Load", 1);
  worker_->CancelMerge(id);
  EXPECT_TRUE(merged.called());
  sync_.Release("HostReader::Load");
  // It waits for the load that nobody wants any more, and begins another.
  EXPECT_OK(Merge("upper"));
}

TEST_F(MergeWorkerImplTest, StopAnswersWhoWaitsAndWhoComesLater) {
  CallbackResult<Merged> merged;
  MergeHeldAtUpload(merged);
  CallbackResult<absl::Status> built;
  worker_->Build(
      {{.key = {.id = AdapterId("upper"), .digest = Get("upper").digest}}},
      built.Callback());
  worker_->Stop();
  EXPECT_TRUE(merged.called());
  EXPECT_TRUE(built.called());
  EXPECT_THAT(merged.Await(),
              StatusIs(absl::StatusCode::kUnavailable, ErrorReason::kDraining));
  EXPECT_THAT(Merge("upper"), StatusIs(absl::StatusCode::kUnavailable));
  CallbackResult<absl::Status> late;
  worker_->Build({}, late.Callback());
  EXPECT_TRUE(late.called());
  // The plane's callback comes to a worker that has stopped.
  std::thread shutdown([this] { ShutDown(); });
  sync_.Release(kUpload);
  shutdown.join();
}

TEST_F(MergeWorkerImplTest, CopiesAreCountedOnceAsTheyComeAndGo) {
  StartWithRoom();
  Load("upper");
  const int64_t bytes = Merge("upper")->bytes;
  EXPECT_OK(Merge("upper"));  // The same copy.
  EXPECT_EQ(NumMerged("built"), 1);
  ASSERT_OK(worker_->Unmerge("", {{{AdapterId("upper")}}}));
  EXPECT_EQ(NumMerged("unmerged"), 1);
  EXPECT_THAT(worker_->Unmerge("", {{{AdapterId("upper")}}}),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kNotMerged));
  EXPECT_EQ(NumMerged("unmerged"), 1);
  EXPECT_EQ(NumMerged("evicted"), 0);
  EXPECT_GT(bytes, 0);
}

TEST_F(MergeWorkerImplTest, AnEvictedCopyIsNotAnUnmergedOne) {
  StartWithRoom();
  Load("upper");
  const int64_t bytes = Merge("upper")->bytes;
  Start(int64_t{1} << 30, bytes);
  Load("upper");
  Load("rot13");  // Of the same modules.
  ASSERT_OK(Merge("upper"));
  ASSERT_OK(Merge("rot13"));
  EXPECT_EQ(NumMerged("evicted"), 1);
  worker_->ReleaseCopies({AdapterId("rot13"), Get("rot13").digest});
  EXPECT_EQ(NumMerged("unmerged"), 1);
  EXPECT_EQ(NumMerged("evicted"), 1);
}

// Whether it is merged is shown with an adapter, so it is an event of it.
TEST_F(MergeWorkerImplTest, WatchersHearOfMergesAndUnmerges) {
  StartWithRoom();
  Load("upper");
  Mutex mu;
  CondVar changed;
  int num_events = 0;
  const WaitId watch = manager_->Watch([&](const AdapterEvent& event) {
    EXPECT_EQ(event.adapter.id.value(), "upper");
    MutexLock lock(mu);
    ++num_events;
    changed.NotifyAll();
  });
  const auto await = [&](int count) {
    MutexLock lock(mu);
    while (num_events < count) changed.Wait(mu);
    return num_events;
  };
  EXPECT_EQ(await(1), 1);  // The snapshot.
  ASSERT_OK(Merge("upper"));
  EXPECT_EQ(await(2), 2);
  ASSERT_OK(worker_->Unmerge("", {{{AdapterId("upper")}}}));
  EXPECT_EQ(await(3), 3);
  manager_->Unwatch(watch);
}

}  // namespace
}  // namespace lora
