// SPDX-License-Identifier: Apache-2.0
#include "server/memory_plan.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kGiB = int64_t{1} << 30;

// A model of 0.5 B parameters in bf16.
constexpr ModelMemory kSmall{.weight_bytes = kGiB, .kv_block_bytes = kMiB};

int64_t Sum(const MemoryBudgets& budgets) {
  return budgets.kv + budgets.host + budgets.device + budgets.merged;
}

TEST(MemoryPlanTest, WhereThereIsRoomBudgetsHaveTheirDefaults) {
  ASSERT_OK_AND_ASSIGN(const MemoryBudgets budgets,
                       PlanMemory({}, {.host_bytes = 64 * kGiB}, kSmall));
  EXPECT_EQ(budgets.kv, kGiB);
  EXPECT_EQ(budgets.host, 2 * kGiB);
  EXPECT_EQ(budgets.device, 2 * kGiB);
  EXPECT_EQ(budgets.merged, 2 * kGiB);
}

TEST(MemoryPlanTest, WhatFlagsAskForIsKeptToTheByte) {
  const Config config{.kv_memory = 3 * kMiB,
                      .host_memory = 5,
                      .device_memory = 7,
                      .merged_memory = 0};
  ASSERT_OK_AND_ASSIGN(const MemoryBudgets budgets,
                       PlanMemory(config, {.host_bytes = 2 * kGiB}, kSmall));
  EXPECT_EQ(budgets.kv, 3 * kMiB);
  EXPECT_EQ(budgets.host, 5);
  EXPECT_EQ(budgets.device, 7);
  EXPECT_EQ(budgets.merged, 0);
}

TEST(MemoryPlanTest, AMachineOf8GiBServesASmallModelWithoutFlags) {
  ASSERT_OK_AND_ASSIGN(const MemoryBudgets budgets,
                       PlanMemory({}, {.host_bytes = 7800 * kMiB}, kSmall));
  EXPECT_LE(kSmall.weight_bytes + Sum(budgets), 7800 * kMiB - 256 * kMiB);
  EXPECT_GT(Sum(budgets), 6 * kGiB);
  EXPECT_EQ(budgets.host, budgets.device);
  EXPECT_NEAR(static_cast<double>(budgets.host),
              2.0 * static_cast<double>(budgets.kv), 2);
}

TEST(MemoryPlanTest, DefaultsShareWhatFlagsLeave) {
  ASSERT_OK_AND_ASSIGN(
      const MemoryBudgets budgets,
      PlanMemory({.merged_memory = 4 * kGiB},
                 {.host_bytes = 6 * kGiB + 256 * kMiB}, kSmall));
  EXPECT_EQ(budgets.merged, 4 * kGiB);
  EXPECT_LE(Sum(budgets), 5 * kGiB);
  EXPECT_GT(budgets.kv, 0);
}

TEST(MemoryPlanTest, MoreThanThereIsIsRefusedWithWhatToChange) {
  EXPECT_THAT(
      PlanMemory({.dtype = "f32", .merged_memory = 4 * kGiB},
                 {.host_bytes = 4 * kGiB}, kSmall),
      AllOf(
          StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kMemory),
          MessageIs(AllOf(HasSubstr("1073741824 of base model weights"),
                          HasSubstr("4294967296 of --merged-memory"),
                          HasSubstr("may use 4294967296"),
                          HasSubstr("--kv-memory, --device-memory, "
                                    "--merged-memory, --host-memory"),
                          HasSubstr("--dtype=bf16")))));
}

TEST(MemoryPlanTest, NoNumberOfAMessageIsNegative) {
  for (const int64_t bytes : {int64_t{0}, kMiB, kGiB}) {
    const auto plan =
        PlanMemory({.kv_memory = 8 * kGiB}, {.host_bytes = bytes}, kSmall);
    EXPECT_THAT(plan, StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(plan, MessageIs(Not(ContainsRegex(" -[0-9]"))));
  }
}

TEST(MemoryPlanTest, BF16IsNoAdviceWhereItIsSet) {
  EXPECT_THAT(PlanMemory({.dtype = "bf16"}, {.host_bytes = kGiB}, kSmall),
              MessageIs(Not(HasSubstr("--dtype"))));
}

TEST(MemoryPlanTest, KeysAndValuesNeedTwoBlocks) {
  EXPECT_OK(
      PlanMemory({.kv_memory = 2 * kMiB}, {.host_bytes = 8 * kGiB}, kSmall));
  EXPECT_THAT(
      PlanMemory({.kv_memory = 2 * kMiB - 1}, {.host_bytes = 8 * kGiB}, kSmall),
      AllOf(
          StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kMemory),
          MessageIs(AllOf(HasSubstr("get 2097151 bytes"),
                          HasSubstr("at least 2097152: set --kv-memory")))));
}

// Rows of 128 KiB, as an 8 B model's, and 512 KiB for their logits.
constexpr ModelMemory kWideRows{.weight_bytes = kGiB,
                                .row_bytes = kMiB / 8,
                                .logit_row_bytes = kMiB / 2,
                                .kv_block_bytes = kMiB};

TEST(MemoryPlanTest, TheLargestStepFitsBesideTheBudgets) {
  const Config config{.kv_memory = 256 * kMiB,
                      .host_memory = 0,
                      .device_memory = 0,
                      .merged_memory = 0};
  // 128 rows, 64 of them with logits.
  const int64_t needed = kGiB + (256 + 256 + 16 + 32) * kMiB;
  EXPECT_OK(PlanMemory(config, {.host_bytes = needed}, kWideRows));
  EXPECT_THAT(PlanMemory(config, {.host_bytes = needed - 1}, kWideRows),
              MessageIs(AllOf(HasSubstr("8388608 of --max-prefill-tokens"),
                              HasSubstr("41943040 of --max-running"))));
}

TEST(MemoryPlanTest, AStepThatIsTooLargeIsRefusedByItsFlag) {
  const MachineMemory machine = {.host_bytes = 2 * kGiB};
  Config config{.kv_memory = 512 * kMiB};
  EXPECT_OK(PlanMemory(config, machine, kWideRows));
  config.max_prefill_tokens = 8192;
  EXPECT_THAT(
      PlanMemory(config, machine, kWideRows),
      AllOf(
          StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kMemory),
          MessageIs(
              AllOf(HasSubstr("1073741824 of --max-prefill-tokens"),
                    HasSubstr("lower --max-prefill-tokens, --kv-memory")))));
  config.max_prefill_tokens = 64;
  config.max_running = 2048;
  EXPECT_THAT(PlanMemory(config, machine, kWideRows),
              MessageIs(HasSubstr("lower --max-running, --kv-memory")));
}

TEST(MemoryPlanTest, AStepThatLeavesKeysAndValuesNoRoomIsNamed) {
  EXPECT_THAT(
      PlanMemory({.max_prefill_tokens = 5720}, {.host_bytes = 2 * kGiB},
                 kWideRows),
      MessageIs(HasSubstr(
          "set --kv-memory or lower --max-prefill-tokens, --max-running")));
}

TEST(MemoryPlanTest, AStepTakesTheMemoryOfTheModel) {
  const MachineMemory machine = {.host_bytes = 512 * kMiB,
                                 .device_bytes = 2 * kGiB};
  EXPECT_OK(PlanMemory({}, machine, kWideRows));
  EXPECT_THAT(PlanMemory({.max_prefill_tokens = 8192}, machine, kWideRows),
              MessageIs(AllOf(HasSubstr("bytes of device memory"),
                              HasSubstr("lower --max-prefill-tokens"))));
}

TEST(MemoryPlanTest, LoadingMayUseWhatTheBudgetsWillHave) {
  const MachineMemory machine = {.host_bytes = 8 * kGiB};
  EXPECT_OK(PlanMemory({}, machine,
                       {.weight_bytes = 4 * kGiB,
                        .staging_bytes = 3 * kGiB,
                        .kv_block_bytes = kMiB}));
  EXPECT_THAT(PlanMemory({}, machine,
                         {.weight_bytes = 4 * kGiB,
                          .staging_bytes = 4 * kGiB,
                          .kv_block_bytes = kMiB}),
              AllOf(StatusIs(absl::StatusCode::kResourceExhausted,
                             ErrorReason::kMemory),
                    MessageIs(HasSubstr("4294967296 to convert them"))));
}

TEST(MemoryPlanTest, AnAcceleratorHasItsOwnMemory) {
  ASSERT_OK_AND_ASSIGN(
      const MemoryBudgets budgets,
      PlanMemory({}, {.host_bytes = 1256 * kMiB, .device_bytes = 24 * kGiB},
                 {.weight_bytes = 14 * kGiB, .kv_block_bytes = kMiB}));
  EXPECT_EQ(budgets.kv, kGiB);
  EXPECT_EQ(budgets.device, 2 * kGiB);
  EXPECT_EQ(budgets.merged, 2 * kGiB);
  EXPECT_EQ(budgets.host, 1000 * kMiB);

  EXPECT_THAT(
      PlanMemory({}, {.host_bytes = 64 * kGiB, .device_bytes = kGiB}, kSmall),
      MessageIs(AllOf(HasSubstr("bytes of device memory"),
                      Not(HasSubstr("--host-memory")))));
  EXPECT_THAT(
      PlanMemory({.host_memory = 2 * kGiB},
                 {.host_bytes = kGiB, .device_bytes = 24 * kGiB}, kSmall),
      MessageIs(AllOf(HasSubstr("2147483648 of --host-memory"),
                      Not(HasSubstr("--kv-memory")))));
}

}  // namespace
}  // namespace lora
