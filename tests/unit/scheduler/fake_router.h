// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_SCHEDULER_FAKE_ROUTER_H_
#define LORA_TESTS_UNIT_SCHEDULER_FAKE_ROUTER_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "server/adapter/execution_pins.h"

namespace lora {

// Pins anything but the adapters in `missing` (UNAVAILABLE) and `broken`
// (DATA_LOSS), and counts.
class FakeRouter final : public PathRouter {
 public:
  ExecutionPath ChoosePath(const RouteQuestion& question) override {
    ++num_choices;
    return question.preference == PathPreference::kMerged
               ? ExecutionPath::kMerged
               : ExecutionPath::kUnmerged;
  }

  absl::StatusOr<ExecutionPins> TryPin(absl::Span<const WeightedKey> adapters,
                                       ExecutionPath path) override {
    for (const WeightedKey& adapter : adapters) {
      const std::string& id = adapter.key.id.value();
      if (missing.contains(id)) return absl::UnavailableError("not resident");
      if (broken.contains(id)) return absl::DataLossError("changed on disk");
    }
    ++num_pins;
    return ExecutionPins{.path = path};
  }

  std::set<std::string> missing;
  std::set<std::string> broken;
  int num_choices = 0;
  int num_pins = 0;
};

inline WeightedKey KeyOf(const std::string& id, float weight = 1.0f) {
  return {.key = {.id = AdapterId(id), .digest = "digest-of-" + id},
          .weight = weight};
}

}  // namespace lora

#endif  // LORA_TESTS_UNIT_SCHEDULER_FAKE_ROUTER_H_
