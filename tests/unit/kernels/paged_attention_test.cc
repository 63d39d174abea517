// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/paged_attention.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <numeric>

#include "server/kernels/kernel_context.h"
#include "tests/unit/kernels/kernel_test_util.h"
#include "tests/unit/kernels/memory_meter.h"

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

  const at::Tensor& k() const { return k_; }
  const at::Tensor& v() const { return v_; }
  // `rows` of it.
  AttentionBatch Batch(absl::Span<const AttentionRows> rows) const {
    return {rows, shape_, k_, v_};
  }

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
      const AttentionBatch batch = cache.Batch({&rows, 1});
      WriteKvCache(context, sequence.k.slice(0, at, end),
                   sequence.v.slice(0, at, end), batch);
      PagedAttention(context, sequence.q.slice(0, at, end), batch, part);
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
    const AttentionBatch batch = cache.Batch({&rows, 1});
    WriteKvCacheReference(sequence.k, sequence.v, batch);
    PagedAttentionReference(sequence.q, batch, out);
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
  WriteKvCache(context, at::cat(k), at::cat(v), cache.Batch(rows));
  at::Tensor out = Poison({row, q[0].size(1)}, dtype());
  PagedAttention(context, at::cat(q), cache.Batch(rows), out);
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
  WriteKvCache(context, sequence.k, sequence.v, fast.Batch({&rows, 1}));
  WriteKvCacheReference(sequence.k, sequence.v, slow.Batch({&rows, 1}));
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

TEST(PagedAttentionReferenceTest, HeadsThatReadOneKvHeadShareItsMemory) {
  const AttentionShape shape = MakeShape(32, 1, 64);
  constexpr int64_t kLength = 1000;
  TestCache cache(shape, at::kFloat, 100);
  cache.v().zero_();
  cache.k().zero_();
  const std::vector<int32_t> table = cache.Allocate(kLength);
  const AttentionRows rows = {0, 1, kLength - 1, table};
  const at::Tensor q = RandomTensor({1, 32 * 64}, at::kFloat, 900);
  at::Tensor out = Poison({1, 32 * 64}, at::kFloat);
  const MemoryMeter meter;
  PagedAttentionReference(q, cache.Batch({&rows, 1}), out);
  // Keys, values and a copy on the way, not for each of 32 heads.
  EXPECT_LT(meter.peak_bytes(), 8 * kLength * 64 * int64_t{sizeof(float)});
}

TEST(PagedAttentionReferenceTest, ABlockIndexStandsForTheBlockTable) {
  const AttentionShape shape = MakeShape(2, 2, 8);
  TestCache cache(shape, at::kFloat, 8);
  const std::vector<int32_t> table = cache.Allocate(40);
  const TestSequence sequence(40, shape, at::kFloat, 1000);
  cache.v().zero_();
  cache.k().zero_();
  AttentionRows rows = {0, 40, 0, table};
  rows.block_index = BlockIndex(table, at::kCPU);
  rows.block_table = {};
  at::Tensor out = Poison({40, 16}, at::kFloat);
  WriteKvCacheReference(sequence.k, sequence.v, cache.Batch({&rows, 1}));
  PagedAttentionReference(sequence.q, cache.Batch({&rows, 1}), out);
  rows.block_index = at::Tensor();
  rows.block_table = table;
  at::Tensor expected = Poison({40, 16}, at::kFloat);
  PagedAttentionReference(sequence.q, cache.Batch({&rows, 1}), expected);
  EXPECT_TRUE(BitEqual(out, expected));
}

TEST(PagedAttentionDeathTest, AShortBlockTableIsRefused) {
  const AttentionShape shape = MakeShape(2, 2, 8);
  KernelContext context(1);
  TestCache cache(shape, at::kFloat, 4);
  const std::vector<int32_t> table = cache.Allocate(16);
  const TestSequence sequence(17, shape, at::kFloat, 800);
  const AttentionRows rows = {0, 17, 0, table};
  EXPECT_DEATH(
      WriteKvCache(context, sequence.k, sequence.v, cache.Batch({&rows, 1})),
      "the block table reaches the last position");
}

}  // namespace
}  // namespace lora
