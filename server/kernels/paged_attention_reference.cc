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

at::Tensor BlockTable(const AttentionRows& sequence, at::Device device) {
  return at::tensor(at::ArrayRef<int32_t>(sequence.block_table.data(),
                                          sequence.block_table.size()),
                    at::kLong)
      .to(device);
}

// The sequence's keys or values in float32, each kv head once for every query
// head that reads it: [num_heads, length, head_dim].
at::Tensor GatherCache(const at::Tensor& cache, const AttentionRows& sequence,
                       const AttentionShape& shape, int64_t length) {
  const at::Tensor blocks =
      at::index_select(cache, 0, BlockTable(sequence, cache.device()));
  return blocks.transpose(0, 1)
      .reshape({shape.num_kv_heads, -1, shape.head_dim})
      .slice(1, 0, length)
      .to(at::kFloat)
      .repeat_interleave(shape.num_heads / shape.num_kv_heads, 0);
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

void AttendSequence(const at::Tensor& q, const AttentionRows& sequence,
                    const AttentionShape& shape, const at::Tensor& k_cache,
                    const at::Tensor& v_cache, at::Tensor& out) {
  const int64_t rows = sequence.row_end - sequence.row_begin;
  const int64_t length = sequence.position_begin + rows;
  const at::Tensor queries = q.slice(0, sequence.row_begin, sequence.row_end)
                                 .view({rows, shape.num_heads, shape.head_dim})
                                 .transpose(0, 1)
                                 .to(at::kFloat);
  const at::Tensor keys = GatherCache(k_cache, sequence, shape, length);
  const at::Tensor values = GatherCache(v_cache, sequence, shape, length);
  const at::Tensor scores =
      (at::matmul(queries, keys.transpose(1, 2)) * shape.scale)
          .masked_fill(Hidden(sequence, shape, length, q.device()),
                       -std::numeric_limits<float>::infinity());
  const at::Tensor mixed = at::matmul(at::softmax(scores, -1), values);
  out.slice(0, sequence.row_begin, sequence.row_end)
      .copy_(mixed.transpose(0, 1).reshape({rows, -1}));
}

}  // namespace

void WriteKvCacheReference(const at::Tensor& k, const at::Tensor& v,
                           absl::Span<const AttentionRows> rows,
                           const AttentionShape& shape, at::Tensor& k_cache,
                           at::Tensor& v_cache) {
  for (const AttentionRows& sequence : rows) {
    const int64_t count = sequence.row_end - sequence.row_begin;
    const at::Tensor positions =
        at::arange(sequence.position_begin, sequence.position_begin + count,
                   at::dtype(at::kLong).device(k.device()));
    const at::Tensor blocks = at::index_select(
        BlockTable(sequence, k.device()), 0,
        positions.div(shape.block_size, /*rounding_mode=*/"floor"));
    const at::Tensor offsets = positions.remainder(shape.block_size);
    const auto write = [&](const at::Tensor& from, at::Tensor& cache) {
      cache.transpose(1, 2).index_put_(
          {blocks, offsets},
          from.slice(0, sequence.row_begin, sequence.row_end)
              .view({count, shape.num_kv_heads, shape.head_dim}));
    };
    write(k, k_cache);
    write(v, v_cache);
  }
}

void PagedAttentionReference(const at::Tensor& q,
                             absl::Span<const AttentionRows> rows,
                             const AttentionShape& shape,
                             const at::Tensor& k_cache,
                             const at::Tensor& v_cache, at::Tensor& out) {
  for (const AttentionRows& sequence : rows) {
    if (sequence.row_begin == sequence.row_end) continue;
    AttendSequence(q, sequence, shape, k_cache, v_cache, out);
  }
}

}  // namespace lora
