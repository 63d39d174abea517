// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/weight_arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

#include "server/base/error.h"
#include "server/kernels/packed_weight.h"
#include "tests/unit/kernels/kernel_test_util.h"

namespace lora {
namespace {

WeightArena ArenaOf(int64_t bytes) {
  return *WeightArena::Create(bytes, at::kCPU);
}

TEST(WeightArenaTest, TensorsFollowEachOther) {
  WeightArena arena = ArenaOf(64 * 4 + 32 * 2);
  const at::Tensor first = arena.Take(64, at::kFloat);
  const at::Tensor second = arena.Take(32, at::kBFloat16);
  EXPECT_EQ(first.numel(), 64);
  EXPECT_EQ(first.scalar_type(), at::kFloat);
  EXPECT_EQ(second.numel(), 32);
  EXPECT_EQ(second.scalar_type(), at::kBFloat16);
  const auto begin = reinterpret_cast<uintptr_t>(first.data_ptr());
  EXPECT_EQ(begin % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(second.data_ptr()), begin + 64 * 4);
}

TEST(WeightArenaTest, TensorsOutliveTheArena) {
  std::optional<WeightArena> arena = ArenaOf(64);
  at::Tensor tensor = arena->Take(16, at::kFloat);
  arena.reset();
  tensor.fill_(3);
  EXPECT_EQ(tensor.sum().item().toFloat(), 48);
}

TEST(WeightArenaTest, AnEmptyOneIsForAdaptersOfNothing) {
  EXPECT_TRUE(WeightArena::Create(0, at::kCPU).ok());
}

TEST(WeightArenaTest, TooLargeAnArenaIsResourceExhausted) {
  const absl::StatusOr<WeightArena> arena =
      WeightArena::Create(int64_t{1} << 50, at::kCPU);
  EXPECT_EQ(arena.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorReason(arena.status()), ErrorReason::kMemory);
}

// Ranks and widths that no panel divides, one after the other.
TEST(WeightArenaTest, PackedWeightsFillItToTheLastByte) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor a = RandomTensor({3, 33}, dtype, 1);
    const at::Tensor b = RandomTensor({70, 3}, dtype, 2);
    const int64_t bytes = PackedWeight::PackedBytes(3, 33, dtype, at::kCPU) +
                          PackedWeight::PackedBytes(70, 3, dtype, at::kCPU);
    WeightArena arena = ArenaOf(bytes);
    const auto packed_a = PackedWeight::Pack(a, dtype, at::kCPU, arena);
    const auto packed_b = PackedWeight::Pack(b, dtype, at::kCPU, arena);
    ASSERT_TRUE(packed_a.ok() && packed_b.ok());
    EXPECT_EQ(packed_a->bytes() + packed_b->bytes(), bytes);
    EXPECT_TRUE(BitEqual(packed_a->Unpack(), a));
    EXPECT_TRUE(BitEqual(packed_b->Unpack(), b));
    const auto begin_a =
        reinterpret_cast<uintptr_t>(packed_a->data().data_ptr());
    const auto begin_b =
        reinterpret_cast<uintptr_t>(packed_b->data().data_ptr());
    EXPECT_EQ(begin_b - begin_a, static_cast<uintptr_t>(packed_a->bytes()));
    EXPECT_EQ(begin_b % 64, 0u);
  }
}

}  // namespace
}  // namespace lora
