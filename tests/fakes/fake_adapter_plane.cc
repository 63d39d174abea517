// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_adapter_plane.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr int64_t kHostBytes = 1000;
constexpr int64_t kDeviceBytes = 2000;

AdapterInfo InfoOf(const std::string& source) {
  AdapterInfo info;
  info.source = source;
  info.digest = source;
  info.state = AdapterState::kReady;
  info.tier = AdapterTier::kDevice;
  info.rank = 8;
  info.target_modules = {"q_proj", "v_proj"};
  info.host_bytes = kHostBytes;
  info.device_bytes = kDeviceBytes;
  info.create_time = absl::FromUnixSeconds(1'700'000'000);
  return info;
}

template <typename Spec>
void Apply(const Spec& spec, AdapterInfo& info) {
  if (spec.pinned.has_value()) info.pinned = *spec.pinned;
  if (spec.warm_tier.has_value()) info.warm_tier = *spec.warm_tier;
  if (spec.labels.has_value()) info.labels = *spec.labels;
}

}  // namespace

void FakeAdapterPlane::FailSource(const std::string& source,
                                  absl::Status status) {
  MutexLock lock(mu_);
  failing_[source] = std::move(status);
}

void FakeAdapterPlane::HoldLoads() {
  MutexLock lock(mu_);
  hold_loads_ = true;
}

void FakeAdapterPlane::FinishLoads() {
  std::vector<std::pair<InfoCallback, absl::StatusOr<AdapterInfo>>> finished;
  {
    MutexLock lock(mu_);
    hold_loads_ = false;
    for (auto& [id, load] : held_) {
      finished.emplace_back(std::move(load.done), LoadNow(load.spec));
    }
    held_.clear();
  }
  for (auto& [done, info] : finished) std::move(done)(std::move(info));
}

void FakeAdapterPlane::Put(AdapterInfo info) {
  MutexLock lock(mu_);
  Tell(AdapterEvent::Type::kUpdated, info);
  adapters_.insert_or_assign(info.id, std::move(info));
}

LoadAdapterSpec FakeAdapterPlane::WaitForHeldLoad() {
  MutexLock lock(mu_);
  while (held_.empty()) changed_.Wait(mu_);
  return held_.begin()->second.spec;
}

void FakeAdapterPlane::WaitForCancelWait() {
  MutexLock lock(mu_);
  while (!wait_cancelled_) changed_.Wait(mu_);
}

void FakeAdapterPlane::WaitForWatches(size_t count) {
  MutexLock lock(mu_);
  while (watches_.size() != count) changed_.Wait(mu_);
}

LoadAdapterSpec FakeAdapterPlane::last_load() const {
  MutexLock lock(mu_);
  return last_load_;
}

AdapterLoadOptions FakeAdapterPlane::last_validation() const {
  MutexLock lock(mu_);
  return last_validation_;
}

UnloadAdapterSpec FakeAdapterPlane::last_unload() const {
  MutexLock lock(mu_);
  return last_unload_;
}

int32_t FakeAdapterPlane::last_page_size() const {
  MutexLock lock(mu_);
  return last_page_size_;
}

WaitId FakeAdapterPlane::Load(LoadAdapterSpec spec, InfoCallback done) {
  WaitId id;
  absl::StatusOr<AdapterInfo> info;
  {
    MutexLock lock(mu_);
    id = NewWait();
    last_load_ = spec;
    if (hold_loads_) {
      held_.emplace(id, HeldLoad{std::move(spec), std::move(done)});
      changed_.NotifyAll();
      return id;
    }
    info = LoadNow(spec);
  }
  std::move(done)(std::move(info));
  return id;
}

absl::StatusOr<AdapterInfo> FakeAdapterPlane::LoadNow(
    const LoadAdapterSpec& spec) {
  LORA_RETURN_IF_ERROR(CheckAdapterId(spec.id.value()));
  if (const auto it = failing_.find(spec.source); it != failing_.end()) {
    return it->second;
  }
  const auto known = adapters_.find(spec.id);
  if (known != adapters_.end() && known->second.source != spec.source &&
      !spec.replace) {
    return Error(absl::StatusCode::kAlreadyExists, ErrorReason::kAdapterExists,
                 absl::StrCat("adapter '", spec.id.value(),
                              "' has other content, expected replace"));
  }
  AdapterInfo info = InfoOf(spec.source);
  info.id = spec.id;
  Apply(spec, info);
  adapters_.insert_or_assign(spec.id, info);
  Tell(AdapterEvent::Type::kUpdated, info);
  return info;
}

WaitId FakeAdapterPlane::Validate(std::string source,
                                  AdapterLoadOptions options,
                                  InfoCallback done) {
  WaitId id;
  absl::StatusOr<AdapterInfo> info = InfoOf(source);
  {
    MutexLock lock(mu_);
    id = NewWait();
    last_validation_ = std::move(options);
    const auto it = failing_.find(source);
    if (it != failing_.end()) info = it->second;
  }
  std::move(done)(std::move(info));
  return id;
}

WaitId FakeAdapterPlane::Unload(UnloadAdapterSpec spec, UnloadCallback done) {
  WaitId id;
  absl::StatusOr<UnloadResult> result;
  {
    MutexLock lock(mu_);
    id = NewWait();
    result = UnloadNow(spec);
    last_unload_ = std::move(spec);
  }
  std::move(done)(std::move(result));
  return id;
}

absl::StatusOr<UnloadResult> FakeAdapterPlane::UnloadNow(
    const UnloadAdapterSpec& spec) {
  LORA_ASSIGN_OR_RETURN(const AdapterInfo info, Find(spec.id));
  if (info.inflight_requests > 0 && !spec.force) {
    return Error(absl::StatusCode::kDeadlineExceeded, ErrorReason::kInUse,
                 absl::StrCat("adapter '", spec.id.value(), "' is in use by ",
                              info.inflight_requests, " requests"));
  }
  adapters_.erase(spec.id);
  Tell(AdapterEvent::Type::kRemoved, info);
  return UnloadResult{.freed_host_bytes = info.host_bytes,
                      .freed_device_bytes = info.device_bytes,
                      .cancelled_requests = info.inflight_requests};
}

void FakeAdapterPlane::CancelWait(WaitId id) {
  InfoCallback done;
  {
    MutexLock lock(mu_);
    wait_cancelled_ = true;
    changed_.NotifyAll();
    const auto it = held_.find(id);
    if (it == held_.end()) return;
    done = std::move(it->second.done);
    held_.erase(it);
  }
  std::move(done)(Error(absl::StatusCode::kCancelled, ErrorReason::kCancelled,
                        "the caller went away"));
}

void FakeAdapterPlane::Update(const UpdateAdapterSpec& spec,
                              InfoCallback done) {
  std::move(done)(UpdateNow(spec));
}

absl::StatusOr<AdapterInfo> FakeAdapterPlane::UpdateNow(
    const UpdateAdapterSpec& spec) {
  MutexLock lock(mu_);
  LORA_ASSIGN_OR_RETURN(AdapterInfo info, Find(spec.id));
  Apply(spec, info);
  adapters_.insert_or_assign(spec.id, info);
  Tell(AdapterEvent::Type::kUpdated, info);
  return info;
}

absl::StatusOr<AdapterInfo> FakeAdapterPlane::Get(const AdapterId& id) const {
  MutexLock lock(mu_);
  return Find(id);
}

AdapterTier FakeAdapterPlane::TierOf(const AdapterId& id) const {
  MutexLock lock(mu_);
  const auto it = adapters_.find(id);
  return it == adapters_.end() ? AdapterTier::kDisk : it->second.tier;
}

absl::StatusOr<AdapterInfo> FakeAdapterPlane::Find(const AdapterId& id) const {
  const auto it = adapters_.find(id);
  if (it != adapters_.end()) return it->second;
  return Error(
      absl::StatusCode::kNotFound, ErrorReason::kAdapter,
      absl::StrCat("there is no adapter '", id.value(), "', load it first"));
}

absl::StatusOr<AdapterPage> FakeAdapterPlane::List(
    const std::string& filter, int32_t page_size,
    const std::string& page_token) const {
  absl::string_view prefix = filter;
  if (!filter.empty() && !(absl::ConsumePrefix(&prefix, "id=") &&
                           absl::ConsumeSuffix(&prefix, "*"))) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
                 absl::StrCat("filter is '", filter, "', expected id=PREFIX*"));
  }
  MutexLock lock(mu_);
  last_page_size_ = page_size;
  AdapterPage page;
  for (const auto& [id, info] : adapters_) {
    if (id.value() <= page_token || !absl::StartsWith(id.value(), prefix)) {
      continue;
    }
    if (static_cast<int32_t>(page.adapters.size()) == page_size) {
      page.next_page_token = page.adapters.back().id.value();
      break;
    }
    page.adapters.push_back(info);
  }
  return page;
}

WaitId FakeAdapterPlane::Watch(WatchCallback callback) {
  MutexLock lock(mu_);
  for (const auto& [id, info] : adapters_) {
    callback({AdapterEvent::Type::kSnapshot, info});
  }
  const WaitId id = NewWait();
  watches_.emplace(id, std::move(callback));
  changed_.NotifyAll();
  return id;
}

void FakeAdapterPlane::Unwatch(WaitId id) {
  MutexLock lock(mu_);
  watches_.erase(id);
  changed_.NotifyAll();
}

void FakeAdapterPlane::PublishChange(absl::Span<const AdapterId> ids) {
  MutexLock lock(mu_);
  for (const AdapterId& id : ids) {
    const auto it = adapters_.find(id);
    if (it != adapters_.end()) Tell(AdapterEvent::Type::kUpdated, it->second);
  }
}

WaitId FakeAdapterPlane::AcquireLeases(std::vector<AdapterId>,
                                       LeaseCallback done) {
  std::move(done)(Error(absl::StatusCode::kUnimplemented,
                        ErrorReason::kInternal,
                        "a fake plane has no versions to lease"));
  return WaitId();
}

void FakeAdapterPlane::AddDependent(AdapterDependent*) {}

WaitId FakeAdapterPlane::NewWait() { return WaitId(++last_wait_); }

void FakeAdapterPlane::Tell(AdapterEvent::Type type, const AdapterInfo& info) {
  for (auto& [id, callback] : watches_) callback({type, info});
}

}  // namespace lora
