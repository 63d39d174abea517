// SPDX-License-Identifier: Apache-2.0
#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>

#include "server/kernels/cpu/cpu_kernels.h"
#include "tests/unit/kernels/kernel_test_util.h"

// The functions of rows.h that the operations' own tests do not reach alone.

namespace lora {
namespace {

class RowsTest : public KernelTest {
 protected:
  const ElementKernels& element() const {
    return dtype() == at::kFloat ? kernels().f32 : kernels().bf16;
  }
  at::Tensor Round(const at::Tensor& floats, float scale = 1.0f) {
    at::Tensor out = Poison(floats.sizes().vec(), dtype());
    element().round(floats.const_data_ptr<float>(), scale, floats.numel(),
                    out.mutable_data_ptr());
    return out;
  }
};

TEST_P(RowsTest, RoundIsTheNearestEvenElement) {
  for (const int64_t n : {1, 3, 8, 16, 29, 1000}) {
    const at::Tensor floats = RandomTensor({n}, at::kFloat, n);
    EXPECT_TRUE(BitEqual(Round(floats), floats.to(dtype())));
  }
  // Ties, in bfloat16: 1 + 2^-8 and 1 + 3 * 2^-8.
  at::Tensor ties = RandomTensor({2}, at::kFloat, 1);
  ties[0] = 1.00390625f;
  ties[1] = 1.01171875f;
  EXPECT_TRUE(BitEqual(Round(ties), ties.to(dtype())));
}

TEST_P(RowsTest, RoundKeepsInfinityAndNan) {
  at::Tensor floats = RandomTensor({3}, at::kFloat, 2);
  floats[0] = std::numeric_limits<float>::infinity();
  floats[1] = -std::numeric_limits<float>::infinity();
  floats[2] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor rounded = Round(floats).to(at::kFloat);
  EXPECT_EQ(rounded[0].item<float>(), std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded[1].item<float>(), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(rounded[2].item<float>()));
}

TEST_P(RowsTest, RoundMultipliesByTheScale) {
  const at::Tensor floats = RandomTensor({50}, at::kFloat, 3);
  EXPECT_TRUE(BitEqual(Round(floats, -0.5f), floats.mul(-0.5f).to(dtype())));
}

TEST_P(RowsTest, WidenIsExact) {
  const at::Tensor narrow = RandomTensor({77}, dtype(), 4);
  at::Tensor wide = Poison({77}, at::kFloat);
  element().widen(narrow.const_data_ptr(), 77, wide.mutable_data_ptr<float>());
  EXPECT_TRUE(BitEqual(wide, narrow.to(at::kFloat)));
}

TEST_P(RowsTest, SoftmaxMatchesTheDefinition) {
  for (const int64_t n : {1, 2, 15, 16, 17, 100, 128}) {
    at::Tensor scores = RandomTensor({n}, at::kFloat, n).mul(30.0f);
    const at::Tensor scaled = scores.to(at::kDouble).mul(0.5);
    const ChunkSoftmax softmax =
        kernels().softmax(scores.mutable_data_ptr<float>(), n, 0.5f);
    EXPECT_FLOAT_EQ(softmax.max, scaled.max().item<double>());
    EXPECT_TRUE(IsClose(scores.div(softmax.sum), at::softmax(scaled, 0), 2e-6));
  }
}

TEST_P(RowsTest, ScaleAddFoldsOneRowIntoAnother) {
  at::Tensor out = RandomTensor({37}, at::kFloat, 5);
  const at::Tensor x = RandomTensor({37}, at::kFloat, 6);
  const at::Tensor expected = out.to(at::kDouble).mul(0.25).add(x, 3.0);
  kernels().scale_add(out.mutable_data_ptr<float>(), 0.25f,
                      x.const_data_ptr<float>(), 3.0f, 37);
  EXPECT_TRUE(IsClose(out, expected, 1e-6));
}

TEST_P(RowsTest, TransposeMovesEveryWord) {
  for (const int64_t rows : {1, 4, 8, 15, 16, 17, 64}) {
    for (const int64_t columns : {1, 3, 16, 33}) {
      const at::Tensor words = RandomTensor({rows, columns + 2}, at::kFloat, 7);
      at::Tensor out = Poison({columns, rows}, at::kFloat);
      kernels().transpose({.data = words.const_data_ptr(),
                           .stride_bytes = (columns + 2) * 4,
                           .rows = rows,
                           .columns = columns},
                          static_cast<uint32_t*>(out.mutable_data_ptr()), rows);
      EXPECT_TRUE(BitEqual(out, words.slice(1, 0, columns).t()))
          << "[" << rows << ", " << columns << "]";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, RowsTest, AllKernels(), KernelTestName);

}  // namespace
}  // namespace lora
