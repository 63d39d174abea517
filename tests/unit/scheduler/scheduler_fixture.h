// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_SCHEDULER_SCHEDULER_FIXTURE_H_
#define LORA_TESTS_UNIT_SCHEDULER_SCHEDULER_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/scheduler/scheduler.h"
#include "tests/fakes/fake_router.h"

namespace lora {

// A scheduler whose steps the test runs one by one.
class SchedulerTest : public ::testing::Test {
 protected:
  // Ids and row counts.
  using Rows = std::vector<std::pair<uint64_t, int32_t>>;
  static constexpr int32_t kBlockSize = 4;

  void Build(int32_t num_blocks, SchedulerOptions options = {}) {
    scheduler_.reset();  // Its sequences give their blocks back.
    allocator_ = std::make_unique<BlockAllocator>(num_blocks, kBlockSize);
    scheduler_ =
        std::make_unique<Scheduler>(options, allocator_.get(), &router_);
  }

  // Prompts differ, so that no prefix is shared by accident.
  SequenceId Add(const std::string& adapter, int32_t prompt_tokens,
                 PathPreference path = PathPreference::kAuto) {
    const auto token = static_cast<int32_t>(next_id_ + 1);
    return Add(adapter, std::vector<int32_t>(prompt_tokens, token), path);
  }

  SequenceId Add(const std::string& adapter, std::vector<int32_t> prompt,
                 PathPreference path = PathPreference::kAuto) {
    SequenceSpec spec;
    spec.path = path;
    spec.id = SequenceId(next_id_++);
    spec.prompt = std::move(prompt);
    if (!adapter.empty()) spec.adapters = {KeyOf(adapter)};
    const SequenceId id = spec.id;
    scheduler_->Enqueue(
        std::make_unique<Sequence>(std::move(spec), allocator_.get()));
    return id;
  }

  // Runs one step in which every sampled token is `token`, ending the
  // sequences in `ends_`. Returns the ids and row counts of the plan.
  Rows Step(int32_t token = 5) {
    const BatchPlan plan = scheduler_->Plan(now_);
    Rows rows;
    std::vector<StepOutcome> outcomes;
    for (const BatchPlan::Item& item : plan.items) {
      const uint64_t id = item.sequence->id().value();
      rows.emplace_back(id, item.num_rows());
      outcomes.push_back({.token_id = token, .finished = ends_.contains(id)});
      if (item.samples()) ++sampled_[id];
    }
    for (const auto& sequence : scheduler_->Commit(plan, outcomes)) {
      finished_.push_back(sequence->id().value());
    }
    EXPECT_TRUE(scheduler_->CheckIntegrity().ok())
        << scheduler_->CheckIntegrity();
    return rows;
  }

  FakeRouter router_;
  std::unique_ptr<BlockAllocator> allocator_;
  std::unique_ptr<Scheduler> scheduler_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  uint64_t next_id_ = 1;
  std::set<uint64_t> ends_;
  std::map<uint64_t, int> sampled_;
  std::vector<uint64_t> finished_;
};

}  // namespace lora

#endif  // LORA_TESTS_UNIT_SCHEDULER_SCHEDULER_FIXTURE_H_
