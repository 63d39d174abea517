// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/elementwise.h"

#include <ATen/ops/linspace.h>

#include <limits>

#include "server/kernels/kernel_context.h"
#include "tests/unit/kernels/kernel_test_util.h"

namespace lora {
namespace {

constexpr double kEps = 1e-6;

class ElementwiseTest : public KernelTest {
 protected:
  ElementwiseTest() : context_(2, kernels()) {}

  at::Tensor Random(std::vector<int64_t> sizes, uint32_t seed) const {
    return RandomTensor(std::move(sizes), dtype(), seed);
  }
  at::Tensor Unwritten(std::vector<int64_t> sizes) const {
    return Poison(std::move(sizes), dtype());
  }

  KernelContext context_;
};

TEST_P(ElementwiseTest, GatherRowsCopiesTheNamedRows) {
  const at::Tensor table = Random({10, 33}, 1);
  const int32_t ids[] = {3, 3, 0, 9};
  at::Tensor out = Unwritten({4, 33});
  at::Tensor expected = Unwritten({4, 33});
  GatherRows(context_, table, ids, out);
  GatherRowsReference(table, ids, expected);
  EXPECT_TRUE(BitEqual(out, expected));
  EXPECT_TRUE(BitEqual(out.slice(0, 3, 4), table.slice(0, 9, 10)));
}

TEST_P(ElementwiseTest, RmsNormMatchesTheReference) {
  for (const int64_t width : {1, 15, 16, 17, 64, 131, 896}) {
    const at::Tensor x = Random({5, width}, 2);
    const at::Tensor weight = Random({width}, 3);
    at::Tensor out = Unwritten({5, width});
    at::Tensor expected = Unwritten({5, width});
    RmsNorm(context_, x, {weight, kEps}, out);
    RmsNormReference(x, {weight, kEps}, expected);
    EXPECT_TRUE(IsClose(out, expected)) << "width " << width;
  }
}

TEST_P(ElementwiseTest, RmsNormMayWriteOverItsInput) {
  const at::Tensor weight = Random({50}, 4);
  at::Tensor x = Random({3, 50}, 5);
  at::Tensor out = Unwritten({3, 50});
  RmsNorm(context_, x, {weight, kEps}, out);
  RmsNorm(context_, x, {weight, kEps}, x);
  EXPECT_TRUE(BitEqual(x, out));
}

TEST_P(ElementwiseTest, AddRmsNormUpdatesTheResidualFirst) {
  at::Tensor residual = Random({4, 70}, 6);
  const at::Tensor delta = Random({4, 70}, 7);
  const at::Tensor weight = Random({70}, 8);
  const at::Tensor sum = residual.add(delta);
  at::Tensor out = Unwritten({4, 70});
  AddRmsNorm(context_, residual, delta, {weight, kEps}, out);
  EXPECT_TRUE(BitEqual(residual, sum));
  at::Tensor expected = Unwritten({4, 70});
  RmsNorm(context_, sum, {weight, kEps}, expected);
  EXPECT_TRUE(BitEqual(out, expected));
}

TEST_P(ElementwiseTest, ApplyRopeMatchesTheReference) {
  for (const int64_t head_dim : {2, 6, 32, 64, 80}) {
    const at::Tensor angles =
        RandomTensor({5, head_dim / 2}, at::kFloat, 9).mul(10.0f);
    const at::Tensor cos = angles.cos();
    const at::Tensor sin = angles.sin();
    at::Tensor x = Random({5, 3 * head_dim}, 10);
    at::Tensor expected = x.clone();
    ApplyRope(context_, cos, sin, head_dim, x);
    ApplyRopeReference(cos, sin, head_dim, expected);
    EXPECT_TRUE(IsClose(x, expected)) << "head_dim " << head_dim;
  }
}

TEST_P(ElementwiseTest, ApplyRopeByAngleZeroChangesNothing) {
  const at::Tensor zero = RandomTensor({2, 8}, at::kFloat, 11).mul(0.0f);
  at::Tensor x = Random({2, 32}, 12);
  const at::Tensor before = x.clone();
  ApplyRope(context_, zero.cos(), zero.sin(), 16, x);
  EXPECT_TRUE(BitEqual(x, before));
}

TEST_P(ElementwiseTest, SiluMulMatchesTheReference) {
  for (const int64_t width : {1, 16, 31, 130}) {
    const at::Tensor gate = Random({6, width}, 13).mul(4.0f);
    const at::Tensor up = Random({6, width}, 14);
    at::Tensor out = Unwritten({6, width});
    at::Tensor expected = Unwritten({6, width});
    SiluMul(context_, gate, up, out);
    SiluMulReference(gate, up, expected);
    EXPECT_TRUE(IsClose(out, expected)) << "width " << width;
  }
}

TEST_P(ElementwiseTest, SiluMulIsAccurateForEveryGate) {
  const at::Tensor gate = at::linspace(-100, 100, 4001, at::dtype(at::kFloat))
                              .view({1, -1})
                              .to(dtype());
  const at::Tensor one = gate.mul(0.0f).add(1.0f);
  at::Tensor out = Unwritten({1, 4001});
  SiluMul(context_, gate, one, out);
  const at::Tensor wide = gate.to(at::kDouble);
  const at::Tensor expected = wide.div(wide.neg().exp().add(1.0));
  // Relative, but for results that vanish.
  const at::Tensor error =
      out.to(at::kDouble).sub(expected).abs().div(expected.abs().add(1e-30));
  EXPECT_LT(error.max().item<double>(), dtype() == at::kFloat ? 1e-6 : 4e-3);
}

TEST_P(ElementwiseTest, ARowDoesNotDependOnOthersOrThreads) {
  const at::Tensor x = Random({100, 200}, 15);
  const at::Tensor weight = Random({200}, 16);
  at::Tensor out = Unwritten({100, 200});
  RmsNorm(context_, x, {weight, kEps}, out);
  KernelContext one(1, kernels());
  for (const int64_t row : {0, 49, 50, 99}) {
    at::Tensor alone = Unwritten({1, 200});
    RmsNorm(one, x.slice(0, row, row + 1), {weight, kEps}, alone);
    EXPECT_TRUE(BitEqual(alone, out.slice(0, row, row + 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, ElementwiseTest, AllKernels(),
                         KernelTestName);

TEST(ElementwiseDeathTest, BadArgumentsAreNamed) {
  KernelContext context(1);
  const at::Tensor table = RandomTensor({4, 8}, at::kFloat, 17);
  at::Tensor out = Poison({1, 8}, at::kFloat);
  const int32_t beyond[] = {4};
  EXPECT_DEATH(GatherRows(context, table, beyond, out),
               "ids are rows of the table");
  EXPECT_DEATH(SiluMul(context, table, out, out),
               "up: is \\[1, 8\\], expected contiguous \\[4, 8\\]");
  EXPECT_DEATH(RmsNorm(context, table.t(), {table, kEps}, out),
               "x: is strided \\[8, 4\\]");
}

}  // namespace
}  // namespace lora
