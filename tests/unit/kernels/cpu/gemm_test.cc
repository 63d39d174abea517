// SPDX-License-Identifier: Apache-2.0
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>

#include <cstring>

#include "server/kernels/cpu/cpu_kernels.h"
#include "tests/unit/kernels/kernel_test_util.h"

// The tiles of gemm.h, through the tables.

namespace lora {
namespace {

// Every table and element type, for wide and for narrow panels.
class GemmTest : public KernelTest {
 protected:
  static constexpr int64_t kColumns = 128;

  const ElementKernels& element() const {
    return dtype() == at::kFloat ? kernels().f32 : kernels().bf16;
  }

  // out = start + x w^T, over panels of `width` columns.
  at::Tensor Multiply(const at::Tensor& x, const at::Tensor& w, int64_t width,
                      const at::Tensor& start = {}) {
    const int64_t depth = x.size(1);
    const int64_t pair = 4 / element().element_size;
    const int64_t padded = (depth + pair - 1) / pair * pair;
    const at::Tensor packed = PackPanels(w, width, padded, pair);
    at::Tensor out = start.defined()
                         ? start.clone()
                         : Poison({x.size(0), kColumns}, at::kFloat);
    const auto gemm =
        width == kWidePanel ? element().gemm_wide : element().gemm_narrow;
    gemm({.x = x.const_data_ptr(),
          .x_stride = x.stride(0),
          .rows = x.size(0),
          .depth = depth,
          .w = packed.const_data_ptr(),
          .panel_stride = padded * width,
          .panels = kColumns / width,
          .out = out.mutable_data_ptr<float>(),
          .out_stride = kColumns,
          .accumulate = start.defined()});
    return out;
  }

 private:
  // [panels, padded / pair, width, pair].
  at::Tensor PackPanels(const at::Tensor& w, int64_t width, int64_t padded,
                        int64_t pair) {
    at::Tensor full = at::full({kColumns, padded}, 0, at::dtype(dtype()));
    full.slice(1, 0, w.size(1)).copy_(w);
    return full.view({kColumns / width, width, padded / pair, pair})
        .transpose(1, 2)
        .contiguous();
  }
};

TEST_P(GemmTest, MatchesTheProductForEveryNumberOfRows) {
  for (const int64_t width : {kWidePanel, kNarrowPanel}) {
    for (int64_t rows = 1; rows <= 20; ++rows) {
      for (const int64_t depth : {1, 2, 3, 16, 37}) {
        const at::Tensor x = RandomTensor({rows, depth}, dtype(), rows);
        const at::Tensor w = RandomTensor({kColumns, depth}, dtype(), depth);
        EXPECT_TRUE(
            IsClose(Multiply(x, w, width),
                    at::matmul(x.to(at::kDouble), w.to(at::kDouble).t())))
            << rows << " rows, depth " << depth << ", width " << width;
      }
    }
  }
}

TEST_P(GemmTest, ARowHasTheSameBitsInEveryTile) {
  const at::Tensor x = RandomTensor({23, 75}, dtype(), 1);
  const at::Tensor w = RandomTensor({kColumns, 75}, dtype(), 2);
  const at::Tensor expected = Multiply(x, w, kWidePanel);
  for (const int64_t width : {kWidePanel, kNarrowPanel}) {
    for (int64_t begin = 0; begin < 23; ++begin) {
      for (int64_t end = begin + 1; end <= 23; ++end) {
        ASSERT_TRUE(BitEqual(Multiply(x.slice(0, begin, end), w, width),
                             expected.slice(0, begin, end)))
            << "rows " << begin << " to " << end << ", width " << width;
      }
    }
  }
}

TEST_P(GemmTest, AccumulatingOverPartsOfTheDepthIsOneSum) {
  const at::Tensor x = RandomTensor({7, 90}, dtype(), 3);
  const at::Tensor w = RandomTensor({kColumns, 90}, dtype(), 4);
  for (const int64_t width : {kWidePanel, kNarrowPanel}) {
    const at::Tensor front =
        Multiply(x.slice(1, 0, 36), w.slice(1, 0, 36), width);
    EXPECT_TRUE(
        BitEqual(Multiply(x.slice(1, 36, 90), w.slice(1, 36, 90), width, front),
                 Multiply(x, w, width)));
  }
}

TEST_P(GemmTest, TheElementAfterAnOddRowIsNotRead) {
  at::Tensor x = RandomTensor({5, 8}, dtype(), 5);
  const at::Tensor w = RandomTensor({kColumns, 7}, dtype(), 6);
  const at::Tensor clean = Multiply(x.slice(1, 0, 7), w, kWidePanel);
  x.slice(1, 7, 8).copy_(Poison({5, 1}, dtype()));
  EXPECT_TRUE(BitEqual(Multiply(x.slice(1, 0, 7), w, kWidePanel), clean));
}

INSTANTIATE_TEST_SUITE_P(Kernels, GemmTest, AllKernels(), KernelTestName);

}  // namespace
}  // namespace lora
