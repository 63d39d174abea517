// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/lora_projection.h"

#include <ATen/ops/zeros.h>

#include <memory>
#include <random>

#include "server/kernels/kernel_context.h"
#include "server/kernels/work_share.h"
#include "tests/unit/kernels/kernel_test_util.h"

namespace lora {
namespace {

struct Shape {
  int64_t rows = 0;
  int64_t in = 0;
  int64_t out = 0;
};

// Weights, terms and output of one projection, owned.
class TestProjection {
 public:
  TestProjection(Shape shape, at::ScalarType dtype, uint32_t seed)
      : shape_(shape), dtype_(dtype), seed_(seed) {
    y_ = Poison({shape.rows, shape.out}, dtype);
  }

  TestProjection& AddWeight(Range rows) {
    weights_.push_back(Pack({shape_.out, shape_.in}));
    runs_.push_back({rows.begin, rows.end, weights_.back().get()});
    return *this;
  }
  TestProjection& AddTerm(Range rows, int64_t rank, float scale = 0.5f) {
    const PackedWeight* a = Keep(Pack({rank, shape_.in}));
    const PackedWeight* b = Keep(Pack({shape_.out, rank}));
    terms_.push_back({rows.begin, rows.end, a, b, scale});
    return *this;
  }
  TestProjection& AddZeroTerm(Range rows, int64_t rank) {
    AddTerm(rows, rank);
    terms_.back().b = Keep(std::make_unique<PackedWeight>(
        PackOnCpu(at::zeros({shape_.out, rank}, at::dtype(dtype_)))));
    return *this;
  }
  TestProjection& AddBias() {
    bias_ = RandomTensor({shape_.out}, at::kFloat, ++seed_);
    return *this;
  }
  TestProjection& StoreFloats() {
    y_ = Poison({shape_.rows, shape_.out}, at::kFloat);
    return *this;
  }

  std::vector<WeightRun>& runs() { return runs_; }
  std::vector<LowRankTerm>& terms() { return terms_; }
  at::Tensor& y() { return y_; }
  Projection Get() const {
    return {.weights = runs_, .bias = bias_, .terms = terms_, .y = y_};
  }

 private:
  std::unique_ptr<PackedWeight> Pack(std::vector<int64_t> sizes) {
    return std::make_unique<PackedWeight>(
        PackOnCpu(RandomTensor(std::move(sizes), dtype_, ++seed_)));
  }
  const PackedWeight* Keep(std::unique_ptr<PackedWeight> weight) {
    weights_.push_back(std::move(weight));
    return weights_.back().get();
  }

  Shape shape_;
  at::ScalarType dtype_;
  uint32_t seed_;
  std::vector<std::unique_ptr<PackedWeight>> weights_;
  std::vector<WeightRun> runs_;
  std::vector<LowRankTerm> terms_;
  at::Tensor bias_;
  at::Tensor y_;
};

class LoraProjectionTest : public KernelTest {
 protected:
  // What the kernel writes into a fresh output.
  at::Tensor Compute(const at::Tensor& x, const TestProjection& test,
                     int threads = 2) {
    Projection projection = test.Get();
    projection.y =
        Poison({x.size(0), projection.y.size(1)}, projection.y.scalar_type());
    KernelContext context(threads, kernels());
    LoraProjection(context, x, {projection});
    return projection.y;
  }
  at::Tensor Reference(const at::Tensor& x, const TestProjection& test) {
    Projection projection = test.Get();
    projection.y =
        Poison({x.size(0), projection.y.size(1)}, projection.y.scalar_type());
    LoraProjectionReference(x, {projection});
    return projection.y;
  }
  // `test` for row `row` alone.
  at::Tensor ComputeAlone(const at::Tensor& x, TestProjection test_of_one_row,
                          int64_t row) {
    return Compute(x.slice(0, row, row + 1).contiguous(), test_of_one_row);
  }
};

TEST_P(LoraProjectionTest, MatchesTheReferenceOverRaggedShapes) {
  std::mt19937 bits(7);
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(bits);
  };
  for (uint32_t round = 0; round < 40; ++round) {
    const Shape shape = {pick(1, 70), pick(1, 300), pick(1, 130)};
    SCOPED_TRACE(::testing::Message() << "rows " << shape.rows << " in "
                                      << shape.in << " out " << shape.out);
    TestProjection test(shape, dtype(), 1000 * round);
    test.AddWeight({0, shape.rows});
    if (pick(0, 1) == 0) test.AddBias();
    if (pick(0, 1) == 0) test.StoreFloats();
    for (int64_t left = pick(0, 3); left > 0; --left) {
      const int64_t begin = pick(0, shape.rows - 1);
      test.AddTerm({begin, pick(begin + 1, shape.rows)}, pick(1, 80));
    }
    const at::Tensor x =
        RandomTensor({shape.rows, shape.in}, dtype(), round + 1);
    // The h of both is rounded from sums of different order.
    const double tolerance = dtype() == at::kFloat ? 1e-5 : 1e-2;
    EXPECT_TRUE(IsClose(Compute(x, test), Reference(x, test), tolerance));
  }
}

TEST_P(LoraProjectionTest, MatchesTheReferenceForManyRowsAndWideMatrices) {
  const Shape shape = {200, 130, 700};
  TestProjection test(shape, dtype(), 3);
  test.AddWeight({0, 200}).AddTerm({10, 150}, 128).AddTerm({149, 200}, 8);
  const at::Tensor x = RandomTensor({200, 130}, dtype(), 4);
  EXPECT_TRUE(IsClose(Compute(x, test), Reference(x, test)));
}

TEST_P(LoraProjectionTest, ComputesEveryProjectionOfAGroup) {
  const at::Tensor x = RandomTensor({5, 192}, dtype(), 1);
  TestProjection q({5, 192, 128}, dtype(), 10);
  TestProjection k({5, 192, 24}, dtype(), 20);
  TestProjection v({5, 192, 1}, dtype(), 30);
  q.AddWeight({0, 5}).AddBias().AddTerm({1, 3}, 16);
  k.AddWeight({0, 5});
  v.AddWeight({0, 5}).AddTerm({0, 5}, 3).AddTerm({2, 3}, 40);
  for (int threads = 1; threads <= 4; ++threads) {
    KernelContext context(threads, kernels());
    LoraProjection(context, x, {q.Get(), k.Get(), v.Get()});
    EXPECT_TRUE(IsClose(q.y(), Reference(x, q)));
    EXPECT_TRUE(IsClose(k.y(), Reference(x, k)));
    EXPECT_TRUE(IsClose(v.y(), Reference(x, v)));
  }
}

TEST_P(LoraProjectionTest, ARowAloneHasTheBitsItHasInABatch) {
  constexpr int64_t kRows = 70;
  TestProjection batch({kRows, 129, 150}, dtype(), 5);
  batch.AddWeight({0, kRows}).AddTerm({0, 67}, 20).AddTerm({3, kRows}, 16);
  const at::Tensor x = RandomTensor({kRows, 129}, dtype(), 6);
  const at::Tensor together = Compute(x, batch);
  for (int64_t row = 0; row < kRows; ++row) {
    TestProjection alone({1, 129, 150}, dtype(), 5);
    alone.AddWeight({0, 1});
    for (const LowRankTerm& term : batch.terms()) {
      if (row < term.row_begin || row >= term.row_end) continue;
      alone.terms().push_back({0, 1, term.a, term.b, term.scale});
    }
    EXPECT_TRUE(BitEqual(ComputeAlone(x, std::move(alone), row),
                         together.slice(0, row, row + 1)))
        << "row " << row;
  }
}

TEST_P(LoraProjectionTest, ThreadsDoNotChangeBits) {
  TestProjection test({13, 200, 330}, dtype(), 8);
  test.AddWeight({0, 13}).AddBias().AddTerm({0, 6}, 40).AddTerm({5, 13}, 9);
  const at::Tensor x = RandomTensor({13, 200}, dtype(), 9);
  const at::Tensor one = Compute(x, test, 1);
  EXPECT_TRUE(BitEqual(Compute(x, test, 2), one));
  EXPECT_TRUE(BitEqual(Compute(x, test, 3), one));
}

TEST_P(LoraProjectionTest, TheOrderOfTermsOverDifferentRowsDoesNotMatter) {
  TestProjection test({6, 64, 80}, dtype(), 11);
  test.AddWeight({0, 6}).AddTerm({0, 2}, 16).AddTerm({2, 6}, 5);
  const at::Tensor x = RandomTensor({6, 64}, dtype(), 12);
  const at::Tensor before = Compute(x, test);
  std::swap(test.terms()[0], test.terms()[1]);
  EXPECT_TRUE(BitEqual(Compute(x, test), before));
}

TEST_P(LoraProjectionTest, SplittingATermOverItsRowsDoesNotMatter) {
  TestProjection test({9, 64, 80}, dtype(), 13);
  test.AddWeight({0, 9}).AddTerm({1, 9}, 16);
  const at::Tensor x = RandomTensor({9, 64}, dtype(), 14);
  const at::Tensor whole = Compute(x, test);
  LowRankTerm rest = test.terms()[0];
  test.terms()[0].row_end = 4;
  rest.row_begin = 4;
  test.terms().push_back(rest);
  EXPECT_TRUE(BitEqual(Compute(x, test), whole));
}

TEST_P(LoraProjectionTest, ATermWithZeroBLeavesTheBaseBitForBit) {
  TestProjection base({7, 90, 100}, dtype(), 15);
  base.AddWeight({0, 7}).AddBias();
  TestProjection test({7, 90, 100}, dtype(), 15);
  test.AddWeight({0, 7}).AddBias().AddZeroTerm({0, 5}, 12);
  const at::Tensor x = RandomTensor({7, 90}, dtype(), 16);
  EXPECT_TRUE(BitEqual(Compute(x, test), Compute(x, base)));
}

TEST_P(LoraProjectionTest, RowsWithoutATermHaveTheBaseResultBitForBit) {
  TestProjection base({9, 90, 100}, dtype(), 17);
  base.AddWeight({0, 9});
  TestProjection test({9, 90, 100}, dtype(), 17);
  test.AddWeight({0, 9}).AddTerm({3, 5}, 12);
  const at::Tensor x = RandomTensor({9, 90}, dtype(), 18);
  const at::Tensor plain = Compute(x, base);
  const at::Tensor mixed = Compute(x, test);
  EXPECT_TRUE(BitEqual(mixed.slice(0, 0, 3), plain.slice(0, 0, 3)));
  EXPECT_TRUE(BitEqual(mixed.slice(0, 5, 9), plain.slice(0, 5, 9)));
  EXPECT_FALSE(BitEqual(mixed.slice(0, 3, 5), plain.slice(0, 3, 5)));
}

TEST_P(LoraProjectionTest, MergedRowsUseTheirOwnWeight) {
  TestProjection test({90, 70, 66}, dtype(), 19);
  test.AddWeight({0, 3}).AddWeight({3, 65}).AddWeight({65, 90});
  test.AddTerm({1, 80}, 7);
  const at::Tensor x = RandomTensor({90, 70}, dtype(), 20);
  EXPECT_TRUE(IsClose(Compute(x, test), Reference(x, test)));
}

TEST_P(LoraProjectionTest, TheScaleMultipliesTheTerm) {
  const at::Tensor x = RandomTensor({4, 64}, dtype(), 21);
  TestProjection test({4, 64, 48}, dtype(), 22);
  test.AddWeight({0, 4}).AddTerm({0, 4}, 8, 1.0f).StoreFloats();
  const at::Tensor once = Compute(x, test);
  test.terms()[0].scale = 0.0f;
  const at::Tensor base = Compute(x, test);
  test.terms()[0].scale = -2.0f;
  const at::Tensor minus_twice = Compute(x, test);
  EXPECT_TRUE(IsClose(minus_twice.sub(base), once.sub(base).mul(-2.0f), 1e-5));
}

TEST_P(LoraProjectionTest, NoRowsIsNoWork) {
  TestProjection test({0, 8, 8}, dtype(), 23);
  const at::Tensor x = RandomTensor({0, 8}, dtype(), 24);
  EXPECT_EQ(Compute(x, test).numel(), 0);
}

INSTANTIATE_TEST_SUITE_P(Kernels, LoraProjectionTest, AllKernels(),
                         KernelTestName);

TEST(LoraProjectionDeathTest, ShapesThatDoNotFitAreNamed) {
  KernelContext context(1);
  TestProjection test({3, 8, 16}, at::kFloat, 25);
  test.AddWeight({0, 3});
  const Projection projection = test.Get();
  EXPECT_DEATH(LoraProjection(context, RandomTensor({2, 8}, at::kFloat, 26),
                              {projection}),
               "y: is \\[3, 16\\], expected contiguous \\[2, 16\\]");
  EXPECT_DEATH(LoraProjection(context, RandomTensor({3, 9}, at::kFloat, 27),
                              {projection}),
               "a weight is \\[out, in\\]");
}

TEST(LoraProjectionDeathTest, WeightRunsMustCoverEveryRow) {
  KernelContext context(1);
  TestProjection test({3, 8, 16}, at::kFloat, 28);
  test.AddWeight({0, 2});
  const Projection projection = test.Get();
  EXPECT_DEATH(LoraProjection(context, RandomTensor({3, 8}, at::kFloat, 29),
                              {projection}),
               "weight runs cover every row once");
}

}  // namespace
}  // namespace lora
