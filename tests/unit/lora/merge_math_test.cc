// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merge_math.h"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/unit/lora/lora_test_util.h"

namespace lora {
namespace {

constexpr int64_t kIn = 40;
constexpr int64_t kOut = 72;

class MergeMathTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  static std::unique_ptr<const LoraWeights> Adapter(uint32_t seed, int64_t rank,
                                                    float scaling,
                                                    bool zero_b = false) {
    return RandomAdapter({{0, kIn, kOut, rank, scaling, zero_b}}, GetParam(),
                         seed);
  }

  // W + sum weight * scaling * B A in float64.
  at::Tensor Expected(const std::vector<MergeTerm>& terms) const {
    at::Tensor matrix = base_.Unpack().to(at::kDouble);
    for (const MergeTerm& term : terms) {
      matrix = matrix.add(term.module->b.Unpack()
                              .to(at::kDouble)
                              .matmul(term.module->a.Unpack().to(at::kDouble)),
                          term.weight * term.module->scaling);
    }
    return matrix;
  }

  // One rounding of the largest element.
  double rounding() const { return GetParam() == at::kFloat ? 1e-6 : 4e-3; }

  const PackedWeight base_ = Packed(RandomMatrix(kOut, kIn, 1), GetParam());
};

TEST_P(MergeMathTest, DeltasAreAddedInFloat32AndRoundedOnce) {
  const auto a = Adapter(2, 4, 0.5f);
  const auto b = Adapter(5, 16, 1.25f);
  const std::vector<MergeTerm> terms = {{a->module(0), -0.75f},
                                        {b->module(0), 2.0f}};
  ASSERT_OK_AND_ASSIGN(const PackedWeight merged, MergeMatrix(base_, terms));
  EXPECT_EQ(merged.dtype(), GetParam());
  EXPECT_EQ(merged.bytes(), base_.bytes());
  EXPECT_LT(RelativeError(merged.Unpack(), Expected(terms)), rounding());
}

TEST_P(MergeMathTest, AZeroBGivesTheBaseBitForBit) {
  const auto zero = Adapter(2, 8, 4.0f, /*zero_b=*/true);
  ASSERT_OK_AND_ASSIGN(const PackedWeight merged,
                       MergeMatrix(base_, {{{zero->module(0), 1.0f}}}));
  EXPECT_TRUE(SameBits(merged.Unpack(), base_.Unpack()));
}

TEST_P(MergeMathTest, TheBaseIsNeverWritten) {
  const at::Tensor before = base_.data().clone();
  const auto a = Adapter(2, 4, 3.0f);
  ASSERT_OK(MergeMatrix(base_, {{{a->module(0), 1.0f}}}));
  EXPECT_TRUE(SameBits(base_.data(), before));
}

TEST_P(MergeMathTest, AMergedMatrixDeviatesByRoundingOnly) {
  const auto a = Adapter(2, 4, 0.5f);
  const std::vector<MergeTerm> terms = {{a->module(0), 1.0f}};
  ASSERT_OK_AND_ASSIGN(const PackedWeight merged, MergeMatrix(base_, terms));
  ASSERT_OK_AND_ASSIGN(const double deviation,
                       RelativeDeviation(base_, merged, terms));
  EXPECT_GT(deviation, 0.0);
  EXPECT_LT(deviation, GetParam() == at::kFloat ? 1e-5 : 1e-2);
}

TEST_P(MergeMathTest, TheDeviationOfTheWrongMatrixIsLarge) {
  const auto a = Adapter(2, 4, 0.5f);
  const std::vector<MergeTerm> terms = {{a->module(0), 1.0f}};
  ASSERT_OK_AND_ASSIGN(const double deviation,
                       RelativeDeviation(base_, base_, terms));
  EXPECT_GT(deviation, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, MergeMathTest,
                         ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) {
                           return info.param == at::kFloat ? "F32" : "BF16";
                         });

}  // namespace
}  // namespace lora
