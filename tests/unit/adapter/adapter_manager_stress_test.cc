// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/adapter/adapter_manager.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

std::string RandomId(std::mt19937& random) {
  return std::string(1, static_cast<char>('a' + random() % 5));
}

// Requests, loads, failing loads, replaces, pins, unloads, cancels and watches
// from many threads at once, on a device that holds four of the five adapters.
class AdapterManagerStressTest : public ::testing::Test {
 protected:
  static constexpr int kSteps = 150;

  static AdapterManagerOptions SmallBudgets() {
    return {.store = {.host_capacity_bytes = 60,
                      .device_capacity_bytes = 40,
                      .hold = absl::ZeroDuration()}};
  }

  // A request: leases, pins, looks whose weights it got.
  void Request(std::mt19937& random) {
    absl::StatusOr<std::vector<AdapterLease>> leases =
        plane_.Lease({RandomId(random)});
    if (!leases.ok()) return;
    const AdapterKey key = (*leases)[0].key();
    const auto handles = plane_.Acquire({key});
    if (!handles.ok()) {
      // Evicted again before we came, or pinned ones leave it no room.
      EXPECT_THAT(handles.status().code(),
                  ::testing::AnyOf(absl::StatusCode::kUnavailable,
                                   absl::StatusCode::kResourceExhausted));
      return;
    }
    if (static_cast<const FakeDeviceAdapter&>(*(*handles)[0]).key() != key) {
      ++num_wrong_;
    }
    ++num_served_;
  }

  void LoadOrCancel(std::mt19937& random) {
    const std::string id = RandomId(random);
    const std::string content = "v" + std::to_string(random() % 3);
    const std::string source = id + "/" + content;
    plane_.loader().Put(source, {.content = content});
    CallbackResult<absl::StatusOr<AdapterInfo>> result;
    LoadAdapterSpec spec{
        .id = AdapterId(id), .source = source, .replace = true};
    if (random() % 4 == 0) spec.sha256 = std::string(64, '0');
    const WaitId wait = manager_.Load(spec, result.Callback());
    if (random() % 3 == 0) manager_.CancelWait(wait);
    if (!spec.sha256.empty()) {
      EXPECT_FALSE(result.Await().ok());
    }
    if (result.Await().ok()) {
      EXPECT_NE(result.Await()->state, AdapterState::kFailed);
    }
  }

  // Two of the five, so that there is always room for others.
  void PinOrUnpin(std::mt19937& random) {
    const std::string id = random() % 2 == 0 ? "a" : "b";
    (void)plane_.Update({.id = AdapterId(id), .pinned = random() % 2 == 0});
  }

  void Unload(std::mt19937& random) {
    (void)plane_.Unload({.id = AdapterId(RandomId(random)),
                         .drain_timeout = random() % 2 == 0
                                              ? absl::ZeroDuration()
                                              : absl::Hours(1)});
  }

  void WatchForAWhile() {
    std::atomic<int64_t> num_events{0};
    const WaitId id =
        manager_.Watch([&](const AdapterEvent&) { ++num_events; });
    (void)manager_.List("", 0, "");
    manager_.Unwatch(id);
    const int64_t after_unwatch = num_events;
    std::this_thread::yield();
    EXPECT_EQ(num_events, after_unwatch);
  }

  TestPlane plane_{SmallBudgets()};
  AdapterManager& manager_ = plane_.manager();
  std::atomic<int64_t> num_wrong_{0};
  std::atomic<int64_t> num_served_{0};
};

TEST_F(AdapterManagerStressTest, NoRequestGetsTheWrongWeightsAndNothingLeaks) {
  // Something to serve from the start: requests are faster than loads.
  for (const std::string id : {"a", "b", "c", "d", "e"}) {
    plane_.loader().Put(id + "/v0", {.content = "v0"});
    ASSERT_OK(plane_.Load({.id = AdapterId(id), .source = id + "/v0"}));
  }
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 6; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937 random(t);
      for (int step = 0; step < kSteps; ++step) {
        if (t < 3) {
          Request(random);
        } else if (t < 5) {
          random() % 4 == 0 ? PinOrUnpin(random) : LoadOrCancel(random);
        } else {
          random() % 2 == 0 ? Unload(random) : WatchForAWhile();
        }
        EXPECT_OK(manager_.CheckIntegrity());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_wrong_, 0);
  EXPECT_GT(num_served_, 0);
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    (void)plane_.Unload({.id = AdapterId(id)});
  }
  EXPECT_EQ(manager_.List("", 0, "")->adapters.size(), 0);
  EXPECT_EQ(plane_.uploader().live_bytes(), 0);
  EXPECT_EQ(manager_.Stats().device.used_bytes, 0);
  EXPECT_EQ(manager_.Stats().host.used_bytes, 0);
}

}  // namespace
}  // namespace lora
