// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/paged_attention.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <numeric>

#include "server/kernels/kernel_context.h"
#include "tests/unit/kernels/kernel_test_util.h"

namespace lora {
namespace {

AttentionShape MakeShape(int64_t heads, int64_t kv_heads, int64_t head_dim) {
  return {.num_heads = heads,
          .num_kv_heads = kv_heads,
          .head_dim = head_dim,
          .block_size = 16,
          .scale = 0.2f};
}

// A cache whose free memory is NaN, and sequences in shuffled blocks.
class TestCache {
 public:
  TestCache(const AttentionShape& shape, at::ScalarType dtype,
            int64_t num_blocks)
      : shape_(shape), free_(num_blocks) {
    const std::vector<int64_t> sizes = {num_blocks, shape.num_kv_heads,
                                        shape.block_size, shape.head_dim};
    k_ = Poison(sizes, dtype);
    v_ = Poison(sizes, dtype);
    std::iota(free_.begin(), free_.end(), 0);
    std::shuffle(free_.begin(), free_.end(), std::mt19937(1));
  }

  // A block table for `length` positions.
  std::vector<int32_t> Allocate(int64_t length) {
    std::vector<int32_t> table;
    for (int64_t at = 0; at < length; at += shape_.block_size) {
      table.push_back(free_.back());
      free_.pop_back();
    }
    return table;
  }

  at::Tensor& k() { return k_; }
  at::Tensor& v() { return v_; }

 private:
  AttentionShape shape_;
  std::vector<int32_t> free_;
  at::Tensor k_;
  at::Tensor v_;
};

// q, k and v of one sequence, all positions.
struct TestSequence {
  TestSequence(int64_t length, const AttentionShape& shape,
               at::ScalarType dtype, uint32_t seed)
      : q(RandomTensor({length, shape.num_heads * shape.head_dim}, dtype,
                       seed)),
        k(RandomTensor({length, shape.num_kv_heads * shape.head_dim}, dtype,
                       seed + 1)),
        v(RandomTensor({length, shape.num_kv_heads * shape.head_dim}, dtype,
                       seed + 2)) {}
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;
};

class PagedAttentionTest : public KernelTest {
 protected:
  // Attention over `sequence`, handed in steps of at most `step` rows.
  at::Tensor InSteps(const TestSequence& sequence, const AttentionShape& shape,
                     int64_t step, int threads = 2) {
    KernelContext context(threads, kernels());
    const int64_t length = sequence.q.size(0);
    TestCache cache(shape, dtype(), length / shape.block_size + 3);
    const std::vector<int32_t> table = cache.Allocate(length);
    at::Tensor out = Poison({length, sequence.q.size(1)}, dtype());
    for (int64_t at = 0; at < length; at += step) {
      const int64_t end = std::min(at + step, length);
      const AttentionRows rows = {0, end - at, at, table};
      at::Tensor part = out.slice(0, at, end);
      WriteKvCache(context, sequence.k.slice(0, at, end),
                   sequence.v.slice(0, at, end), {rows}, shape, cache.k(),
                   cache.v());
      PagedAttention(context, sequence.q.slice(0, at, end), {rows}, shape,
                     cache.k(), cache.v(), part);
    }
    return out;
  }

  at::Tensor Reference(const TestSequence& sequence,
                       const AttentionShape& shape) {
    const int64_t length = sequence.q.size(0);
    TestCache cache(shape, dtype(), length / shape.block_size + 3);
    // The reference multiplies hidden values by zero: no NaN there.
    cache.v().zero_();
    cache.k().zero_();
    const std::vector<int32_t> table = cache.Allocate(length);
    const AttentionRows rows = {0, length, 0, table};
    at::Tensor out = Poison({length, sequence.q.size(1)}, dtype());
    WriteKvCacheReference(sequence.k, sequence.v, {rows}, shape, cache.k(),
                          cache.v());
    PagedAttentionReference(sequence.q, {rows}, shape, cache.k(), cache.v(),
                            out);
    return out;
  }
};

TEST_P(PagedAttentionTest, MatchesTheReferenceOverShapesAndLengths) {
  const AttentionShape shapes[] = {MakeShape(1, 1, 2),   MakeShape(4, 4, 16),
                                   MakeShape(6, 2, 20),  MakeShape(14, 2, 64),
                                   MakeShape(8, 1, 128), MakeShape(3, 3, 80)};
  uint32_t seed = 0;
  for (const AttentionShape& shape : shapes) {
    for (const int64_t length : {1, 2, 15, 16, 17, 127, 128, 129, 300}) {
      SCOPED_TRACE(::testing::Message()
                   << "heads " << shape.num_heads << " head_dim "
                   << shape.head_dim << " length " << length);
      const TestSequence sequence(length, shape, dtype(), seed += 10);
      EXPECT_TRUE(IsClose(InSteps(sequence, shape, length),
                          Reference(sequence, shape)));
    }
  }
}

TEST_P(PagedAttentionTest, AWindowHidesWhatLiesBefore) {
  for (const int64_t window : {1, 5, 64, 128, 200, 1000}) {
    AttentionShape shape = MakeShape(4, 2, 32);
    shape.window = window;
    const TestSequence sequence(290, shape, dtype(), 100);
    EXPECT_TRUE(
        IsClose(InSteps(sequence, shape, 290), Reference(sequence, shape)))
        << "window " << window;
  }
}

TEST_P(PagedAttentionTest, EveryBlockSizeGivesTheSameBits) {
  AttentionShape shape = MakeShape(4, 2, 32);
  const TestSequence sequence(150, shape, dtype(), 200);
  const at::Tensor expected = InSteps(sequence, shape, 150);
  for (const int64_t block_size : {1, 4, 32, 128}) {
    shape.block_size = block_size;
    EXPECT_TRUE(BitEqual(InSteps(sequence, shape, 150), expected))
        << "block size " << block_size;
  }
}

TEST_P(PagedAttentionTest, DecodeAndPrefillGiveTheSameBits) {
  for (const int64_t window : {0, 40}) {
    AttentionShape shape = MakeShape(6, 2, 32);
    shape.window = window;
    const TestSequence sequence(270, shape, dtype(), 300);
    const at::Tensor whole = InSteps(sequence, shape, 270);
    EXPECT_TRUE(BitEqual(InSteps(sequence, shape, 1), whole));
    EXPECT_TRUE(BitEqual(InSteps(sequence, shape, 37), whole));
  }
}

TEST_P(PagedAttentionTest, ThreadsDoNotChangeBits) {
  const AttentionShape shape = MakeShape(6, 2, 32);
  const TestSequence sequence(200, shape, dtype(), 400);
  const at::Tensor one = InSteps(sequence, shape, 200, 1);
  EXPECT_TRUE(BitEqual(InSteps(sequence, shape, 200, 2), one));
  EXPECT_TRUE(BitEqual(InSteps(sequence, shape, 200, 3), one));
  const at::Tensor decoded = InSteps(sequence, shape, 1, 3);
  EXPECT_TRUE(BitEqual(decoded, one));
}

TEST_P(PagedAttentionTest, BatchMatesDoNotChangeBits) {
  const AttentionShape shape = MakeShape(6, 2, 32);
  const int64_t lengths[] = {40, 1, 133};
  KernelContext context(2, kernels());
  TestCache cache(shape, dtype(), 20);
  std::vector<std::vector<int32_t>> tables;
  std::vector<AttentionRows> rows;
  std::vector<at::Tensor> q, k, v, alone;
  int64_t row = 0;
  for (const int64_t length : lengths) {
    const TestSequence sequence(length, shape, dtype(), 500 + length);
    alone.push_back(InSteps(sequence, shape, length));
    q.push_back(sequence.q);
    k.push_back(sequence.k);
    v.push_back(sequence.v);
    tables.push_back(cache.Allocate(length));
    rows.push_back({row, row + length, 0, {}});
    row += length;
  }
  for (size_t i = 0; i < rows.size(); ++i) rows[i].block_table = tables[i];
  WriteKvCache(context, at::cat(k), at::cat(v), rows, shape, cache.k(),
               cache.v());
  at::Tensor out = Poison({row, q[0].size(1)}, dtype());
  PagedAttention(context, at::cat(q), rows, shape, cache.k(), cache.v(), out);
  EXPECT_TRUE(BitEqual(out, at::cat(alone)));
}

TEST_P(PagedAttentionTest, WritesEveryRowToItsPosition) {
  const AttentionShape shape = MakeShape(2, 2, 8);
  KernelContext context(2, kernels());
  TestCache fast(shape, dtype(), 8);
  TestCache slow(shape, dtype(), 8);
  const std::vector<int32_t> table = fast.Allocate(40);
  const TestSequence sequence(30, shape, dtype(), 600);
  const AttentionRows rows = {2, 30, 7, table};
  WriteKvCache(context, sequence.k, sequence.v, {rows}, shape, fast.k(),
               fast.v());
  WriteKvCacheReference(sequence.k, sequence.v, {rows}, shape, slow.k(),
                        slow.v());
  EXPECT_TRUE(BitEqual(fast.k(), slow.k()));
  EXPECT_TRUE(BitEqual(fast.v(), slow.v()));
}

TEST_P(PagedAttentionTest, LargeScoresDoNotOverflow) {
  AttentionShape shape = MakeShape(2, 2, 16);
  shape.scale = 100.0f;
  const TestSequence sequence(140, shape, dtype(), 700);
  EXPECT_TRUE(IsClose(InSteps(sequence, shape, 140), Reference(sequence, shape),
                      dtype() == at::kFloat ? 1e-3 : 2e-2));
}

INSTANTIATE_TEST_SUITE_P(Kernels, PagedAttentionTest, AllKernels(),
                         KernelTestName);

TEST(PagedAttentionDeathTest, AShortBlockTableIsRefused) {
  const AttentionShape shape = MakeShape(2, 2, 8);
  KernelContext context(1);
  TestCache cache(shape, at::kFloat, 4);
  const std::vector<int32_t> table = cache.Allocate(16);
  const TestSequence sequence(17, shape, at::kFloat, 800);
  const AttentionRows rows = {0, 17, 0, table};
  EXPECT_DEATH(WriteKvCache(context, sequence.k, sequence.v, {rows}, shape,
                            cache.k(), cache.v()),
               "the block table reaches the last position");
}

}  // namespace
}  // namespace lora
