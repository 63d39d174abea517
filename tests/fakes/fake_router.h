// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_FAKE_ROUTER_H_
#define LORA_TESTS_FAKES_FAKE_ROUTER_H_

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/adapter/execution_pins.h"

namespace lora {

// Pins anything but what a test says. Engine thread only, and the test's own
// while the engine stands still.
class FakeRouter final : public PathRouter {
 public:
  ExecutionPath ChoosePath(const RouteQuestion& question) override {
    ++num_choices;
    if (question.preference == PathPreference::kMerged) {
      return ExecutionPath::kMerged;
    }
    return question.preference == PathPreference::kAuto
               ? auto_path
               : ExecutionPath::kUnmerged;
  }

  absl::StatusOr<PinOutcome> TryPin(absl::Span<const WeightedKey> adapters,
                                    ExecutionPath path,
                                    const WeightsFetch* awaited) override {
    ++num_tries;
    const auto is_in = [adapters](const std::set<std::string>& ids) {
      return std::any_of(adapters.begin(), adapters.end(),
                         [&ids](const WeightedKey& adapter) {
                           return ids.contains(adapter.key.id.value());
                         });
    };
    if (path == ExecutionPath::kMerged && !merge.ok()) return merge;
    if (is_in(broken)) return absl::DataLossError("changed on disk");
    if (awaited != nullptr) last_awaited = awaited;
    if (is_in(missing)) return Await(PinWait::kFetch);
    if (is_in(crowded_out)) return Await(PinWait::kRoom);
    ++num_pins;
    ExecutionPins pins{.path = path};
    if (!adapters.empty()) pins.merged = std::make_unique<Pin>(&num_pinned);
    return pins;
  }

  // Adapters that are being fetched, wait for room, or can never be had.
  std::set<std::string> missing;
  std::set<std::string> crowded_out;
  std::set<std::string> broken;
  // What AUTO becomes, and whether merged copies can be had.
  ExecutionPath auto_path = ExecutionPath::kUnmerged;
  absl::Status merge;
  int num_choices = 0;
  int num_tries = 0;
  int num_pins = 0;    // Ever.
  int num_pinned = 0;  // Now: sequences that hold pins.
  const WeightsFetch* last_awaited = nullptr;

 private:
  class Pin final : public MergedPin {
   public:
    explicit Pin(int* count) : count_(count) { ++*count_; }
    ~Pin() override { --*count_; }

   private:
    int* const count_;
  };

  static PinsAwaited Await(PinWait wait) {
    return {.wait = wait, .fetch = std::make_shared<WeightsFetch>()};
  }
};

inline WeightedKey KeyOf(const std::string& id, float weight = 1.0f) {
  return {.key = {.id = AdapterId(id), .digest = "digest-of-" + id},
          .weight = weight};
}

}  // namespace lora

#endif  // LORA_TESTS_FAKES_FAKE_ROUTER_H_
