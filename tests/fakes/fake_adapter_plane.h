// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_FAKE_ADAPTER_PLANE_H_
#define LORA_TESTS_FAKES_FAKE_ADAPTER_PLANE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/adapter/adapter_plane.h"
#include "server/base/mutex.h"

namespace lora {

// A plane without files: any source loads at once, except where a test says
// otherwise. The digest of a version is its source. Watch callbacks are called
// with the lock held, as the interface allows. Thread-safe.
class FakeAdapterPlane final : public AdapterPlane {
 public:
  // Loads and validations of `source` fail with `status`.
  void FailSource(const std::string& source, absl::Status status)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Loads from now on wait until FinishLoads or CancelWait.
  void HoldLoads() ABSL_LOCKS_EXCLUDED(mu_);
  void FinishLoads() ABSL_LOCKS_EXCLUDED(mu_);
  // Adds or changes an adapter and tells the watchers.
  void Put(AdapterInfo info) ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until a load is held, and returns its request.
  LoadAdapterSpec WaitForHeldLoad() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until a wait has been cancelled.
  void WaitForCancelWait() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until `count` watches are open.
  void WaitForWatches(size_t count) ABSL_LOCKS_EXCLUDED(mu_);

  // The last requests of their kind.
  LoadAdapterSpec last_load() const ABSL_LOCKS_EXCLUDED(mu_);
  AdapterLoadOptions last_validation() const ABSL_LOCKS_EXCLUDED(mu_);
  UnloadAdapterSpec last_unload() const ABSL_LOCKS_EXCLUDED(mu_);
  int32_t last_page_size() const ABSL_LOCKS_EXCLUDED(mu_);

  // AdapterPlane. An adapter with inflight_requests is in use: Unload without
  // `force` gets IN_USE at once. List knows the filter id=PREFIX*.
  WaitId Load(LoadAdapterSpec spec, InfoCallback done) override;
  WaitId Validate(std::string source, AdapterLoadOptions options,
                  InfoCallback done) override;
  WaitId Unload(UnloadAdapterSpec spec, UnloadCallback done) override;
  void CancelWait(WaitId id) override;
  void Update(const UpdateAdapterSpec& spec, InfoCallback done) override;
  absl::StatusOr<AdapterInfo> Get(const AdapterId& id) const override;
  AdapterTier TierOf(const AdapterId& id) const override;
  absl::StatusOr<AdapterPage> List(
      const std::string& filter, int32_t page_size,
      const std::string& page_token) const override;
  WaitId Watch(WatchCallback callback) override;
  void Unwatch(WaitId id) override;
  void PublishChange(absl::Span<const AdapterId> ids) override;
  WaitId AcquireLeases(std::vector<AdapterId> ids, LeaseCallback done) override;
  void AddDependent(AdapterDependent* dependent) override;

 private:
  struct HeldLoad {
    LoadAdapterSpec spec;
    InfoCallback done;
  };

  absl::StatusOr<AdapterInfo> LoadNow(const LoadAdapterSpec& spec)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<AdapterInfo> UpdateNow(const UpdateAdapterSpec& spec)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<UnloadResult> UnloadNow(const UnloadAdapterSpec& spec)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<AdapterInfo> Find(const AdapterId& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  WaitId NewWait() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Tell(AdapterEvent::Type type, const AdapterInfo& info)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  CondVar changed_;
  uint64_t last_wait_ ABSL_GUARDED_BY(mu_) = 0;
  bool hold_loads_ ABSL_GUARDED_BY(mu_) = false;
  bool wait_cancelled_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::string, absl::Status> failing_ ABSL_GUARDED_BY(mu_);
  std::map<AdapterId, AdapterInfo> adapters_ ABSL_GUARDED_BY(mu_);
  std::map<WaitId, HeldLoad> held_ ABSL_GUARDED_BY(mu_);
  std::map<WaitId, WatchCallback> watches_ ABSL_GUARDED_BY(mu_);
  LoadAdapterSpec last_load_ ABSL_GUARDED_BY(mu_);
  AdapterLoadOptions last_validation_ ABSL_GUARDED_BY(mu_);
  UnloadAdapterSpec last_unload_ ABSL_GUARDED_BY(mu_);
  mutable int32_t last_page_size_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lora

#endif  // LORA_TESTS_FAKES_FAKE_ADAPTER_PLANE_H_
