// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/paged_attention.h"

#include "server/kernels/check.h"
#include "server/kernels/paged_attention_cpu.h"

namespace lora {
namespace {

void CheckAttentionShape(const AttentionShape& shape) {
  LORA_CHECK(shape.num_kv_heads > 0 && shape.num_heads > 0 &&
                 shape.num_heads % shape.num_kv_heads == 0,
             "num_kv_heads divides num_heads");
  LORA_CHECK(shape.head_dim > 0 && shape.head_dim % 2 == 0, "head_dim is even");
  LORA_CHECK(shape.block_size > 0 && kAttentionChunk % shape.block_size == 0,
             "block_size divides kAttentionChunk");
  LORA_CHECK(shape.window >= 0, "window is not negative");
}

void CheckCaches(const AttentionBatch& batch) {
  const AttentionShape& shape = batch.shape;
  const at::Tensor& k_cache = batch.k_cache;
  const at::Tensor& v_cache = batch.v_cache;
  LORA_CHECK(k_cache.dim() == 4,
             "a cache is [num_blocks, num_kv_heads, block_size, head_dim]");
  LORA_CHECK_SHAPE(k_cache, {k_cache.size(0), shape.num_kv_heads,
                             shape.block_size, shape.head_dim});
  LORA_CHECK_SHAPE(v_cache, {k_cache.size(0), shape.num_kv_heads,
                             shape.block_size, shape.head_dim});
  LORA_CHECK(k_cache.scalar_type() == v_cache.scalar_type(),
             "both caches have one dtype");
}

void CheckSequences(int64_t num_rows, const AttentionBatch& batch) {
  const int64_t num_blocks = batch.k_cache.size(0);
  for (const AttentionRows& sequence : batch.rows) {
    LORA_CHECK(sequence.row_begin >= 0 &&
                   sequence.row_begin <= sequence.row_end &&
                   sequence.row_end <= num_rows,
               "a sequence covers rows of the batch");
    const int64_t length =
        sequence.position_begin + sequence.row_end - sequence.row_begin;
    LORA_CHECK(sequence.position_begin >= 0 &&
                   length <= static_cast<int64_t>(sequence.block_table.size()) *
                                 batch.shape.block_size,
               "the block table reaches the last position");
    LORA_CHECK(!sequence.block_index.defined() ||
                   sequence.block_index.numel() ==
                       static_cast<int64_t>(sequence.block_table.size()),
               "the block index is the block table's");
    for (const int32_t block : sequence.block_table) {
      LORA_CHECK(block >= 0 && block < num_blocks,
                 "the block table names blocks of the cache");
    }
  }
}

}  // namespace

void WriteKvCache(KernelContext& context, const at::Tensor& k,
                  const at::Tensor& v, const AttentionBatch& batch) {
  const AttentionShape& shape = batch.shape;
  CheckAttentionShape(shape);
  CheckCaches(batch);
  LORA_CHECK(k.dim() == 2, "k is [rows, num_kv_heads * head_dim]");
  LORA_CHECK_SHAPE(k, {k.size(0), shape.num_kv_heads * shape.head_dim});
  LORA_CHECK_SHAPE(v, {k.size(0), shape.num_kv_heads * shape.head_dim});
  LORA_CHECK(k.scalar_type() == batch.k_cache.scalar_type() &&
                 v.scalar_type() == batch.k_cache.scalar_type(),
             "k and v have the caches' dtype");
  CheckSequences(k.size(0), batch);
  if (k.is_cuda()) return WriteKvCacheReference(k, v, batch);
  WriteKvCacheCpu(context, k, v, batch);
}

void PagedAttention(KernelContext& context, const at::Tensor& q,
                    const AttentionBatch& batch, at::Tensor& out) {
  const AttentionShape& shape = batch.shape;
  CheckAttentionShape(shape);
  CheckCaches(batch);
  LORA_CHECK(q.dim() == 2, "q is [rows, num_heads * head_dim]");
  LORA_CHECK_SHAPE(q, {q.size(0), shape.num_heads * shape.head_dim});
  LORA_CHECK_SHAPE(out, {q.size(0), shape.num_heads * shape.head_dim});
  LORA_CHECK(q.scalar_type() == batch.k_cache.scalar_type() &&
                 out.scalar_type() == batch.k_cache.scalar_type(),
             "q and out have the caches' dtype");
  CheckSequences(q.size(0), batch);
  if (q.is_cuda()) return PagedAttentionReference(q, batch, out);
  PagedAttentionCpu(context, q, batch, out);
}

}  // namespace lora
