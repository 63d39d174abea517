// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merge_policy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/lora/lora_test_util.h"

namespace lora {
namespace {

TEST(FootprintTest, CountsParametersOfAdaptersAndTargets) {
  const auto a = RandomAdapter({{0, 8, 16, 2}, {3, 16, 8, 4}}, at::kFloat, 1);
  const auto b = RandomAdapter({{3, 16, 8, 1}}, at::kFloat, 9);
  const MergeFootprint footprint = FootprintOf({a.get(), b.get()});
  EXPECT_EQ(footprint.adapter_parameters, 2 * 24 + 4 * 24 + 1 * 24);
  EXPECT_EQ(footprint.targeted_parameters, 128 + 128);
  EXPECT_EQ(footprint.merge_multiplies, (2 + 4 + 1) * 128);
}

TEST(FootprintTest, NoAdaptersHaveNone) {
  EXPECT_EQ(FootprintOf({}).targeted_parameters, 0);
}

// Qwen2.5-0.5B with an adapter of rank 16 on every linear, in bfloat16.
constexpr MergeFootprint kHalfBillion = {
    .adapter_parameters = 16 * int64_t{549'888},
    .targeted_parameters = 357'800'000,
    .merge_multiplies = 16 * int64_t{357'800'000}};
constexpr MachineModel kCpu = {.bytes_per_second = 36e9,
                               .flops_per_second = 250e9,
                               .bytes_per_parameter = 2};
constexpr int64_t kCopyBytes = 2 * int64_t{357'800'000};

struct Case {
  std::string name;
  MergeQuestion question;
  ExecutionPath path;
};

constexpr auto kMerged = ExecutionPath::kMerged;
constexpr auto kUnmerged = ExecutionPath::kUnmerged;

TEST(MergePolicyTest, TheCheaperPathIsChosen) {
  const MergeFootprint& f = kHalfBillion;
  for (const Case& c : std::vector<Case>{
           {"short chat, no copy", {64, 32, f}, kUnmerged},
           {"short chat, copy, alone", {64, 32, f, true}, kMerged},
           {"long prompt pays for the copy", {2000, 16, f}, kMerged},
           {"break-even of the prompt is P / Lambda, about 650",
            {600, 0, f},
            kUnmerged},
           {"just over it", {700, 0, f}, kMerged},
           {"many steps pay for the copy", {8, 400, f}, kMerged},
           {"many steps, but beside others",
            {8, 400, f, false, kCopyBytes, 0, 3},
            kUnmerged},
           {"copy, but every step reads the targets again",
            {64, 32, f, true, kCopyBytes, 0, 1},
            kUnmerged},
           {"copy that others read already",
            {64, 32, f, true, kCopyBytes, 2, 1},
            kMerged},
           {"long prompt, copy, beside others, no new tokens",
            {2000, 0, f, true, kCopyBytes, 0, 5},
            kMerged},
           {"no room for a copy",
            {2000, 400, f, false, kCopyBytes - 1, 0, 0},
            kUnmerged},
           {"no room, but there is one",
            {2000, 400, f, true, 0, 0, 0},
            kMerged},
           {"no adapters", {2000, 400, {}}, kUnmerged},
       }) {
    EXPECT_EQ(ChooseMergePath(kCpu, c.question), c.path) << c.name;
  }
}

TEST(MergePolicyTest, AHigherRankMakesMergingPaySooner) {
  MergeQuestion question = {.num_prompt_tokens = 100, .max_new_tokens = 60};
  question.footprint = kHalfBillion;
  question.footprint.merge_multiplies = 0;
  EXPECT_EQ(ChooseMergePath(kCpu, question), kUnmerged);
  question.footprint.adapter_parameters *= 8;
  EXPECT_EQ(ChooseMergePath(kCpu, question), kMerged);
}

}  // namespace
}  // namespace lora
