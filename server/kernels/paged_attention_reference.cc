// SPDX-License-Identifier: Apache-2.0
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <limits>

#include "server/kernels/paged_attention.h"

namespace lora {
namespace {

at::Tensor IndexOf(const AttentionRows& sequence, const at::Tensor& cache) {
  return sequence.block_index.defined()
             ? sequence.block_index
             : BlockIndex(sequence.block_table, cache.device());
}

// The keys or values of the first `length` positions in float32:
// [num_kv_heads, length, head_dim].
at::Tensor GatherCache(const at::Tensor& cache, const at::Tensor& block_index,
                       int64_t length) {
  return at::index_select(cache, 0, block_index)
      .transpose(0, 1)
      .to(at::kFloat, /*non_blocking=*/false, /*copy=*/false,
          at::MemoryFormat::Contiguous)
      .reshape({cache.size(1), -1, cache.size(3)})
      .slice(1, 0, length);
}

// [rows, length]: which positions each row may not see.
at::Tensor Hidden(const AttentionRows& sequence, const AttentionShape& shape,
                  int64_t length, at::Device device) {
  const auto options = at::dtype(at::kLong).device(device);
  const at::Tensor i =
      at::arange(sequence.position_begin, length, options).unsqueeze(1);
  const at::Tensor j = at::arange(0, length, options).unsqueeze(0);
  const at::Tensor future = j > i;
  return shape.window > 0 ? future.logical_or(j <= i - shape.window) : future;
}

// The query heads that read one kv head are rows of one product, so that keys
// and values stand in memory once, however many heads read them.
void AttendSequence(const at::Tensor& q, const AttentionRows& sequence,
                    const AttentionBatch& batch, at::Tensor& out) {
  const AttentionShape& shape = batch.shape;
  const int64_t rows = sequence.row_end - sequence.row_begin;
  const int64_t length = sequence.position_begin + rows;
  const int64_t kv_heads = shape.num_kv_heads;
  const int64_t group = shape.num_heads / kv_heads;
  const at::Tensor queries =
      q.slice(0, sequence.row_begin, sequence.row_end)
          .view({rows, kv_heads, group, shape.head_dim})
          .permute({1, 2, 0, 3})
          .to(at::kFloat)
          .reshape({kv_heads, group * rows, shape.head_dim});
  const at::Tensor block_index = IndexOf(sequence, batch.k_cache);
  const at::Tensor keys = GatherCache(batch.k_cache, block_index, length);
  at::Tensor scores =
      at::matmul(queries, keys.transpose(1, 2))
          .mul_(shape.scale)
          .view({kv_heads, group, rows, length})
          .masked_fill_(Hidden(sequence, shape, length, q.device()),
                        -std::numeric_limits<float>::infinity());
  scores = at::softmax(scores, -1).view({kv_heads, group * rows, length});
  const at::Tensor values = GatherCache(batch.v_cache, block_index, length);
  out.slice(0, sequence.row_begin, sequence.row_end)
      .copy_(at::matmul(scores, values)
                 .view({kv_heads, group, rows, shape.head_dim})
                 .permute({2, 0, 1, 3})
                 .reshape({rows, -1}));
}

}  // namespace

at::Tensor BlockIndex(absl::Span<const int32_t> block_table,
                      at::Device device) {
  return at::tensor(
             at::ArrayRef<int32_t>(block_table.data(), block_table.size()),
             at::kLong)
      .to(device);
}

void WriteKvCacheReference(const at::Tensor& k, const at::Tensor& v,
                           const AttentionBatch& batch) {
  const AttentionShape& shape = batch.shape;
  for (const AttentionRows& sequence : batch.rows) {
    const int64_t count = sequence.row_end - sequence.row_begin;
    const at::Tensor positions =
        at::arange(sequence.position_begin, sequence.position_begin + count,
                   at::dtype(at::kLong).device(k.device()));
    const at::Tensor blocks = at::index_select(
        IndexOf(sequence, batch.k_cache), 0,
        positions.div(shape.block_size, /*rounding_mode=*/"floor"));
    const at::Tensor offsets = positions.remainder(shape.block_size);
    const auto write = [&](const at::Tensor& from, const at::Tensor& cache) {
      cache.transpose(1, 2).index_put_(
          {blocks, offsets},
          from.slice(0, sequence.row_begin, sequence.row_end)
              .view({count, shape.num_kv_heads, shape.head_dim}));
    };
    write(k, batch.k_cache);
    write(v, batch.v_cache);
  }
}

void PagedAttentionReference(const at::Tensor& q, const AttentionBatch& batch,
                             at::Tensor& out) {
  for (const AttentionRows& sequence : batch.rows) {
    if (sequence.row_begin == sequence.row_end) continue;
    AttendSequence(q, sequence, batch, out);
  }
}

}  // namespace lora
