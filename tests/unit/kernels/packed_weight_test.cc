// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/packed_weight.h"

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/unit/kernels/kernel_test_util.h"

namespace lora {
namespace {

class PackedWeightTest : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(PackedWeightTest, UnpackGivesTheMatrixBack) {
  for (const int64_t out : {1, 15, 16, 17, 63, 64, 65, 128, 512, 513}) {
    for (const int64_t in : {1, 2, 7, 16, 33, 128}) {
      const at::Tensor matrix = RandomTensor({out, in}, GetParam(), out + in);
      EXPECT_TRUE(BitEqual(PackOnCpu(matrix).Unpack(), matrix))
          << "[" << out << ", " << in << "]";
    }
  }
}

TEST_P(PackedWeightTest, PackedBytesIsWhatPackAllocates) {
  for (const int64_t out : {1, 16, 100, 512, 600}) {
    for (const int64_t in : {1, 2, 33}) {
      const at::Tensor matrix = RandomTensor({out, in}, GetParam(), 1);
      EXPECT_EQ(PackOnCpu(matrix).bytes(),
                PackedWeight::PackedBytes(out, in, GetParam(), at::kCPU));
    }
  }
}

TEST_P(PackedWeightTest, PacksAnyFloatingTypeAndStrideLikeItsConversion) {
  const at::Tensor wide = RandomTensor({33, 50}, at::kDouble, 2);
  const at::Tensor strided = wide.t().slice(0, 3, 40);
  const absl::StatusOr<PackedWeight> packed =
      PackedWeight::Pack(strided, GetParam(), at::kCPU);
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_TRUE(BitEqual(packed->Unpack(), strided.to(GetParam())));
}

TEST_P(PackedWeightTest, TellsItsShape) {
  const PackedWeight packed = PackOnCpu(RandomTensor({20, 6}, GetParam(), 3));
  EXPECT_TRUE(packed.defined());
  EXPECT_EQ(packed.out_features(), 20);
  EXPECT_EQ(packed.in_features(), 6);
  EXPECT_EQ(packed.dtype(), GetParam());
  EXPECT_EQ(packed.device(), at::kCPU);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, PackedWeightTest,
                         ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) {
                           return info.param == at::kFloat ? "f32" : "bf16";
                         });

TEST(PackedWeightLayoutTest, NarrowMatricesArePaddedLittle) {
  EXPECT_EQ(PackedWeight::PackedBytes(16, 100, at::kBFloat16, at::kCPU),
            16 * 100 * 2);
  EXPECT_EQ(PackedWeight::PackedBytes(8, 100, at::kBFloat16, at::kCPU),
            16 * 100 * 2);
  EXPECT_EQ(PackedWeight::PackedBytes(80, 100, at::kFloat, at::kCPU),
            80 * 100 * 4);
}

TEST(PackedWeightLayoutTest, PanelsInterleaveColumns) {
  const PackedWeight packed = PackOnCpu(RandomTensor({64, 3}, at::kFloat, 4));
  const at::Tensor matrix = packed.Unpack();
  EXPECT_TRUE(BitEqual(packed.data().view({3, 64}), matrix.t()));
}

TEST(PackedWeightLayoutTest, AnEmptyOneHoldsNothing) {
  const PackedWeight empty;
  EXPECT_FALSE(empty.defined());
  EXPECT_EQ(empty.bytes(), 0);
}

TEST(PackedWeightLayoutTest, TooLargeAMatrixIsResourceExhausted) {
  // An expanded view: 2^50 elements without memory of their own.
  const at::Tensor huge = RandomTensor({1, 1}, at::kFloat, 5)
                              .expand({int64_t{1} << 25, int64_t{1} << 25});
  const absl::StatusOr<PackedWeight> packed =
      PackedWeight::Pack(huge, at::kBFloat16, at::kCPU);
  EXPECT_EQ(packed.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorReason(packed.status()), ErrorReason::kMemory);
}

}  // namespace
}  // namespace lora
