// SPDX-License-Identifier: Apache-2.0
// Fairness: steady clients on different adapters get equal service, whatever
// they compete for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/scheduler/scheduler.h"
#include "tests/fakes/fake_router.h"

namespace lora {
namespace {

constexpr int32_t kBlockSize = 4;
constexpr absl::Duration kStepTime = absl::Milliseconds(10);
constexpr double kFair = 0.8;

// A device with room for `capacity` adapters. Who is not on it waits in a
// queue; the first of it gets the next adapter's place that nobody pins.
class SmallDevice final : public PathRouter {
 public:
  explicit SmallDevice(size_t capacity) : capacity_(capacity) {}

  ExecutionPath ChoosePath(const RouteQuestion&) override {
    return ExecutionPath::kUnmerged;
  }

  absl::StatusOr<PinOutcome> TryPin(absl::Span<const WeightedKey> adapters,
                                    ExecutionPath,
                                    const WeightsFetch*) override {
    const std::string& id = adapters.front().key.id.value();
    BringIn();
    const auto it = resident_.find(id);
    if (it == resident_.end()) {
      if (std::find(queue_.begin(), queue_.end(), id) == queue_.end()) {
        queue_.push_back(id);
      }
      return PinsAwaited{.wait = PinWait::kRoom};
    }
    it->second.held = false;
    ExecutionPins pins;
    pins.merged = std::make_unique<Pin>(it->second.num_pins);
    return pins;
  }

 private:
  struct Place {
    std::shared_ptr<int> num_pins = std::make_shared<int>(0);
    bool held = true;  // For the first to pin it.
  };
  class Pin final : public MergedPin {
   public:
    explicit Pin(std::shared_ptr<int> count) : count_(std::move(count)) {
      ++*count_;
    }
    ~Pin() override { --*count_; }

   private:
    const std::shared_ptr<int> count_;
  };

  void BringIn() {
    while (!queue_.empty()) {
      if (resident_.size() == capacity_) {
        const auto unused = std::find_if(
            resident_.begin(), resident_.end(), [](const auto& entry) {
              return *entry.second.num_pins == 0 && !entry.second.held;
            });
        if (unused == resident_.end()) return;
        resident_.erase(unused);
      }
      resident_[queue_.front()];
      queue_.pop_front();
    }
  }

  const size_t capacity_;
  std::map<std::string, Place> resident_;
  std::deque<std::string> queue_;
};

struct Client {
  std::string adapter;
  int32_t prompt_tokens = 0;
  int32_t new_tokens = 0;
};

// Serves clients that send their next request as soon as they have an answer.
class ClosedLoop {
 public:
  ClosedLoop(SchedulerOptions options, int32_t num_blocks, PathRouter* router)
      : allocator_(num_blocks, kBlockSize),
        scheduler_(std::move(options), &allocator_, router) {}

  void Send(const Client& client) {
    SequenceSpec spec;
    spec.id = SequenceId(next_id_++);
    spec.prompt.assign(client.prompt_tokens, static_cast<int32_t>(next_id_));
    spec.adapters = {KeyOf(client.adapter)};
    clients_[spec.id] = client;
    scheduler_.Enqueue(
        std::make_unique<Sequence>(std::move(spec), &allocator_));
  }

  void Run(int num_steps) {
    for (int step = 0; step < num_steps; ++step) {
      const BatchPlan plan = scheduler_.Plan(now_);
      std::vector<StepOutcome> outcomes;
      for (const BatchPlan::Item& item : plan.items) {
        const Sequence& sequence = *item.sequence;
        const Client& client = clients_.at(sequence.id());
        outcomes.push_back({.finished = item.samples() &&
                                        sequence.num_tokens() + 1 -
                                                sequence.num_prompt_tokens() ==
                                            client.new_tokens});
      }
      for (const auto& sequence : scheduler_.Commit(plan, outcomes)) {
        const Client client = clients_.extract(sequence->id()).mapped();
        served_[client.adapter] += client.prompt_tokens + client.new_tokens;
        Send(client);
      }
      now_ += kStepTime;
    }
  }

  // What the slowest adapter got of what the fastest did: tokens of answered
  // requests.
  double Fairness() const {
    int64_t least = std::numeric_limits<int64_t>::max();
    int64_t most = 0;
    for (const auto& [adapter, tokens] : served_) {
      least = std::min(least, tokens);
      most = std::max(most, tokens);
    }
    return static_cast<double>(least) / static_cast<double>(most);
  }
  size_t num_served() const { return served_.size(); }
  std::string Served() const { return ::testing::PrintToString(served_); }
  SchedulerStats stats() const { return scheduler_.stats(); }

 private:
  BlockAllocator allocator_;
  Scheduler scheduler_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  uint64_t next_id_ = 1;
  std::map<SequenceId, Client> clients_;
  std::map<std::string, int64_t> served_;
};

const std::vector<std::string> kAdapters = {"a", "b", "c", "d",
                                            "e", "f", "g", "h"};

// One client on each adapter, each with requests of another size; a sends four
// times as many.
void SendFromAll(ClosedLoop& loop) {
  for (int i = 0; i < 3; ++i) loop.Send({"a", 9, 8});
  for (size_t i = 0; i < kAdapters.size(); ++i) {
    const int32_t size = static_cast<int32_t>(i);
    loop.Send({kAdapters[i], 9 + size % 3, 8 + 2 * size % 5});
  }
}

TEST(FairnessTest, FewPlacesAreSharedEqually) {
  FakeRouter router;
  ClosedLoop loop({.max_running = 4}, 256, &router);
  SendFromAll(loop);
  loop.Run(3000);
  EXPECT_EQ(loop.num_served(), kAdapters.size());
  EXPECT_GE(loop.Fairness(), kFair) << loop.Served();
}

TEST(FairnessTest, FewPrefillTokensAreSharedEqually) {
  FakeRouter router;
  ClosedLoop loop({.max_prefill_tokens_per_step = 4}, 256, &router);
  // So many that every lane has a prompt to compute at any time.
  for (int i = 0; i < 3; ++i) SendFromAll(loop);
  loop.Run(3000);
  EXPECT_EQ(loop.num_served(), kAdapters.size());
  EXPECT_GE(loop.Fairness(), kFair) << loop.Served();
}

TEST(FairnessTest, FewBlocksAreSharedEqually) {
  FakeRouter router;
  ClosedLoop loop({}, 16, &router);  // Three or four sequences.
  SendFromAll(loop);
  loop.Run(3000);
  EXPECT_GT(loop.stats().num_preemptions, 0);
  EXPECT_EQ(loop.num_served(), kAdapters.size());
  EXPECT_GE(loop.Fairness(), kFair) << loop.Served();
}

// Eight equal clients, three times the memory there is.
TEST(FairnessTest, WhoIsPreemptedPaysOnceForWhatIsComputedTwice) {
  FakeRouter router;
  ClosedLoop loop({}, 16, &router);
  for (const std::string& adapter : kAdapters) loop.Send({adapter, 2, 18});
  loop.Run(1000);
  EXPECT_GT(loop.stats().num_preemptions, 0);
  EXPECT_EQ(loop.num_served(), kAdapters.size());
  EXPECT_GE(loop.Fairness(), 0.9) << loop.Served();
}

TEST(FairnessTest, RoomForFewAdaptersIsSharedEqually) {
  SmallDevice device(3);
  ClosedLoop loop({.pin_patience = absl::Seconds(2)}, 256, &device);
  // Two overlapping clients each: a lane lets go of its adapter only when it
  // yields.
  for (const std::string& adapter : kAdapters) {
    loop.Send({adapter, 9, 8});
    loop.Send({adapter, 9, 13});
  }
  loop.Run(12'000);  // Two minutes.
  EXPECT_EQ(loop.num_served(), kAdapters.size());
  EXPECT_GE(loop.Fairness(), kFair) << loop.Served();
}

}  // namespace
}  // namespace lora
