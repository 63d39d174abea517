// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/adapter/adapter_manager.h"
#include "tests/fakes/fake_dependent.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

// What the plane must say, kept in a few maps: which content serves under each
// id, which are pinned, and which lease names which content. Everything runs to
// its end before the next step, so there is one right answer to each call.
class Reference {
 public:
  bool Has(const std::string& id) const { return content_.contains(id); }
  const std::string& ContentOf(const std::string& id) const {
    return content_.at(id);
  }
  bool IsPinned(const std::string& id) const { return pinned_.contains(id); }
  // Declared, and not loaded since.
  bool IsOnDisk(const std::string& id) const { return on_disk_.contains(id); }
  void Declare(const std::string& id, const std::string& content) {
    content_[id] = content;
    on_disk_.insert(id);
  }
  void OnLoaded(const std::string& id) { on_disk_.erase(id); }
  void Pin(const std::string& id, bool pinned) {
    pinned ? (void)pinned_.insert(id) : (void)pinned_.erase(id);
  }
  // So few that pinned, replaced and leased versions always fit.
  bool MayPin(const std::string& id) const {
    return IsPinned(id) || pinned_.size() < 2;
  }
  absl::StatusCode Load(const std::string& id, const std::string& content,
                        bool replace) {
    if (Has(id) && content_[id] != content && !replace) {
      return absl::StatusCode::kAlreadyExists;
    }
    content_[id] = content;
    on_disk_.erase(id);
    return absl::StatusCode::kOk;
  }
  void Erase(const std::string& id) {
    content_.erase(id);
    pinned_.erase(id);
    on_disk_.erase(id);
  }
  const std::map<std::string, std::string>& all() const { return content_; }

 private:
  std::map<std::string, std::string> content_;
  std::set<std::string> pinned_;
  std::set<std::string> on_disk_;
};

class AdapterManagerRandomTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  static AdapterKey Key(const std::string& id, const std::string& content) {
    return {AdapterId(id), FakeAdapterLoader::DigestOf(content)};
  }
  std::string RandomId() {
    return std::string(1, static_cast<char>('a' + random_() % 6));
  }

  std::string RandomContent() { return "v" + std::to_string(random_() % 3); }
  // Each content has a source of its own: old files stay where they are.
  std::string SourceOf(const std::string& id, const std::string& content) {
    const std::string source = id + "/" + content;
    plane_.loader().Put(source, {.content = content});
    return source;
  }

  void Load() {
    const std::string id = RandomId();
    const std::string content = RandomContent();
    const bool replace = random_() % 2 == 0;
    const std::string source = SourceOf(id, content);
    const absl::StatusOr<AdapterInfo> info = plane_.Load(
        {.id = AdapterId(id), .source = source, .replace = replace});
    ASSERT_EQ(info.status().code(), reference_.Load(id, content, replace))
        << info.status();
  }

  void Declare() {
    const std::string id = RandomId();
    if (reference_.Has(id)) return;
    const std::string content = RandomContent();
    ASSERT_OK(manager_.Register(
        {.id = AdapterId(id), .source = SourceOf(id, content)}));
    reference_.Declare(id, content);
  }

  // Whatever is wrong with a load, all stays as it was.
  void FailToLoad() {
    const std::string id = RandomId();
    LoadAdapterSpec spec{
        .id = AdapterId(id), .replace = true, .pinned = random_() % 2 == 0};
    absl::StatusCode expected = absl::StatusCode::kNotFound;
    switch (random_() % 3) {
      case 0:
        spec.source = "nowhere";
        break;
      case 1:
        spec.source = "broken";
        plane_.loader().Put(
            "broken",
            {.content = "v0", .status = absl::InvalidArgumentError("broken")});
        expected = absl::StatusCode::kInvalidArgument;
        break;
      case 2:
        spec.source = SourceOf(id, RandomContent());
        spec.sha256 = std::string(64, '0');
        expected = absl::StatusCode::kFailedPrecondition;
        break;
    }
    ASSERT_EQ(plane_.Load(spec).status().code(), expected);
  }

  // A replace during which something else happens, just before it serves.
  void ReplaceMeanwhile() {
    const std::string id = RandomId();
    if (!reference_.Has(id)) return;
    const std::string content = RandomContent();
    const std::string old_source = SourceOf(id, reference_.ContentOf(id));
    const int64_t arrivals =
        plane_.sync().Arrivals("AdapterManager::OnPromoted");
    plane_.sync().Hold("AdapterManager::OnPromoted");
    CallbackResult<absl::StatusOr<AdapterInfo>> load;
    const bool cancels = random_() % 2 == 0;
    LoadAdapterSpec spec{
        .id = AdapterId(id), .source = SourceOf(id, content), .replace = true};
    if (cancels && reference_.MayPin(id)) spec.pinned = true;
    const WaitId wait = manager_.Load(spec, load.Callback());
    plane_.sync().AwaitArrivals("AdapterManager::OnPromoted", arrivals + 1);
    if (cancels) {
      manager_.CancelWait(wait);
    } else if (reference_.MayPin(id)) {
      const bool pinned = random_() % 2 == 0;
      ASSERT_OK(plane_.Update({.id = AdapterId(id), .pinned = pinned}));
      reference_.Pin(id, pinned);
    }
    plane_.sync().Release("AdapterManager::OnPromoted");
    ASSERT_EQ(load.Await().ok(), !cancels);
    if (!cancels) {
      reference_.Load(id, content, /*replace=*/true);
      return;
    }
    // Comes after the end of the one that was cancelled.
    ASSERT_OK(plane_.Load({.id = AdapterId(id), .source = old_source}));
    reference_.OnLoaded(id);
  }

  void Lease() {
    const std::string id = RandomId();
    absl::StatusOr<std::vector<AdapterLease>> leases = plane_.Lease({id});
    ASSERT_EQ(leases.ok(), reference_.Has(id)) << leases.status();
    if (!leases.ok()) return;
    ASSERT_EQ((*leases)[0].key(), Key(id, reference_.ContentOf(id)));
    reference_.OnLoaded(id);
    leases_.push_back(std::move((*leases)[0]));
  }

  void EndLease() {
    if (leases_.empty()) return;
    std::swap(leases_[random_() % leases_.size()], leases_.back());
    leases_.pop_back();
  }

  // Every lease's bytes can be reached, however old its version is.
  void Use() {
    if (leases_.empty()) return;
    const AdapterKey key = leases_[random_() % leases_.size()].key();
    ASSERT_OK_AND_ASSIGN(const auto handles, plane_.Acquire({key}));
    ASSERT_EQ(static_cast<const FakeDeviceAdapter&>(*handles[0]).key(), key);
  }

  void Unload() {
    const std::string id = RandomId();
    int64_t num_leases = 0;
    for (const AdapterLease& lease : leases_) {
      num_leases += lease.key().id == AdapterId(id);
    }
    const bool force = random_() % 2 == 0;
    if (force) MoveLeasesToEngine(id);
    const absl::StatusOr<UnloadResult> result =
        plane_.Unload({.id = AdapterId(id),
                       .drain_timeout = absl::ZeroDuration(),
                       .force = force});
    if (!reference_.Has(id)) {
      ASSERT_THAT(result, StatusIs(absl::StatusCode::kNotFound));
    } else if (num_leases > 0 && !force) {
      ASSERT_THAT(result, StatusIs(absl::StatusCode::kDeadlineExceeded));
    } else {
      ASSERT_OK(result);
      ASSERT_EQ(result->cancelled_requests, num_leases);
      reference_.Erase(id);
    }
  }

  void MoveLeasesToEngine(const std::string& id) {
    std::vector<AdapterLease> others;
    for (AdapterLease& lease : leases_) {
      if (lease.key().id == AdapterId(id)) {
        engine_.AddUser(std::move(lease));
      } else {
        others.push_back(std::move(lease));
      }
    }
    leases_ = std::move(others);
  }

  void Pin() {
    const std::string id = RandomId();
    const bool pinned = random_() % 3 == 0;
    // One on disk would be loaded in the background.
    if (pinned && (reference_.IsOnDisk(id) || !reference_.MayPin(id))) return;
    const absl::StatusOr<AdapterInfo> info =
        plane_.Update({.id = AdapterId(id), .pinned = pinned});
    ASSERT_EQ(info.ok(), reference_.Has(id)) << info.status();
    if (info.ok()) reference_.Pin(id, pinned);
  }

  void CheckAgainstReference() {
    ASSERT_OK(manager_.CheckIntegrity());
    ASSERT_OK_AND_ASSIGN(const AdapterPage page, manager_.List("", 0, ""));
    ASSERT_EQ(page.adapters.size(), reference_.all().size());
    for (const AdapterInfo& info : page.adapters) {
      const std::string& id = info.id.value();
      ASSERT_TRUE(reference_.Has(id));
      ASSERT_EQ(info.digest, reference_.IsOnDisk(id)
                                 ? ""
                                 : Key(id, reference_.ContentOf(id)).digest);
      ASSERT_EQ(info.state, AdapterState::kReady);
      ASSERT_EQ(info.pinned, reference_.IsPinned(id));
    }
    ASSERT_EQ(manager_.Stats().num_leases,
              static_cast<int64_t>(leases_.size()));
  }

  static AdapterManagerOptions SmallBudgets() {
    return {.store = {.host_capacity_bytes = 100,
                      .device_capacity_bytes = 75,
                      .hold = absl::ZeroDuration()}};
  }

  std::mt19937 random_{GetParam()};
  TestPlane plane_{SmallBudgets()};
  AdapterManager& manager_ = plane_.manager();
  FakeDependent engine_;
  Reference reference_;
  std::vector<AdapterLease> leases_;
};

TEST_P(AdapterManagerRandomTest, AgreesWithTheReferenceAfterEveryStep) {
  manager_.AddDependent(&engine_);
  for (int step = 0; step < 1500 && !HasFatalFailure(); ++step) {
    SCOPED_TRACE(step);
    switch (random_() % 11) {
      case 0:
      case 1:
        Load();
        break;
      case 2:
        // Few enough that pinned and retained versions always fit.
        leases_.size() < 3 ? Lease() : EndLease();
        break;
      case 3:
        EndLease();
        break;
      case 4:
      case 5:
        Use();
        break;
      case 6:
        Unload();
        break;
      case 7:
        Pin();
        break;
      case 8:
        Declare();
        break;
      case 9:
        FailToLoad();
        break;
      case 10:
        ReplaceMeanwhile();
        break;
    }
    if (HasFatalFailure()) return;
    CheckAgainstReference();
  }
  leases_.clear();
  for (const auto& [id, content] : reference_.all()) {
    ASSERT_OK(plane_.Unload({.id = AdapterId(id)}));
  }
  EXPECT_EQ(manager_.Stats().device.used_bytes, 0);
  EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
  EXPECT_EQ(plane_.uploader().live_bytes(), 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, AdapterManagerRandomTest,
                         ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace lora
