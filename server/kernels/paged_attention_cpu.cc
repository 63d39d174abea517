// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/paged_attention_cpu.h"

#include <atomic>
#include <cstring>
#include <vector>

#include "server/kernels/attention_tile.h"
#include "server/kernels/element_kernels.h"
#include "server/kernels/work_share.h"

namespace lora {
namespace {

std::vector<AttentionItem> Items(absl::Span<const AttentionRows> rows,
                                 const AttentionShape& shape) {
  const int64_t step = AttentionTile::RowsPerItem(shape);
  std::vector<AttentionItem> items;
  for (const AttentionRows& sequence : rows) {
    for (int64_t row = sequence.row_begin; row < sequence.row_end;
         row += step) {
      const Range tile = {row, std::min(row + step, sequence.row_end)};
      for (int64_t head = 0; head < shape.num_kv_heads; ++head) {
        items.push_back({&sequence, tile, head});
      }
    }
  }
  return items;
}

// Multiplications of the whole call.
int64_t Work(absl::Span<const AttentionRows> rows,
             const AttentionShape& shape) {
  int64_t pairs = 0;  // Of a row and a position it sees.
  for (const AttentionRows& sequence : rows) {
    const int64_t count = sequence.row_end - sequence.row_begin;
    pairs += count * (sequence.position_begin + (count + 1) / 2);
  }
  return 2 * pairs * shape.num_heads * shape.head_dim;
}

// Copies the kv heads of row `from` to where its position lies in `cache`.
void WriteRow(const char* from, const AttentionShape& shape, int64_t head_bytes,
              char* to) {
  for (int64_t head = 0; head < shape.num_kv_heads; ++head) {
    std::memcpy(to + head * shape.block_size * head_bytes,
                from + head * head_bytes, head_bytes);
  }
}

}  // namespace

void WriteKvCacheCpu(KernelContext& context, const at::Tensor& k,
                     const at::Tensor& v, const AttentionBatch& batch) {
  const AttentionShape& shape = batch.shape;
  const int64_t head_bytes = shape.head_dim * k.element_size();
  const int64_t row_bytes = shape.num_kv_heads * head_bytes;
  const int64_t block_bytes = shape.block_size * row_bytes;
  const char* keys = static_cast<const char*>(k.const_data_ptr());
  const char* values = static_cast<const char*>(v.const_data_ptr());
  char* key_cache = static_cast<char*>(batch.k_cache.mutable_data_ptr());
  char* value_cache = static_cast<char*>(batch.v_cache.mutable_data_ptr());
  for (const AttentionRows& sequence : batch.rows) {
    const int64_t count = sequence.row_end - sequence.row_begin;
    ForEachRowRange(context, count, k.size(1), [&](Range share) {
      for (int64_t i = share.begin; i < share.end; ++i) {
        const int64_t row = sequence.row_begin + i;
        const int64_t position = sequence.position_begin + i;
        const int64_t block = sequence.block_table[position / shape.block_size];
        const int64_t at =
            block * block_bytes + position % shape.block_size * head_bytes;
        WriteRow(keys + row * row_bytes, shape, head_bytes, key_cache + at);
        WriteRow(values + row * row_bytes, shape, head_bytes, value_cache + at);
      }
    });
  }
}

void PagedAttentionCpu(KernelContext& context, const at::Tensor& q,
                       const AttentionBatch& batch, at::Tensor& out) {
  const AttentionShape& shape = batch.shape;
  const AttentionData data = {
      .dtype = q.scalar_type(),
      .shape = shape,
      .q = static_cast<const char*>(q.const_data_ptr()),
      .k_cache = static_cast<const char*>(batch.k_cache.const_data_ptr()),
      .v_cache = static_cast<const char*>(batch.v_cache.const_data_ptr()),
      .out = static_cast<char*>(out.mutable_data_ptr())};
  const std::vector<AttentionItem> items = Items(batch.rows, shape);
  const int64_t bytes = AttentionBuffers::Bytes(shape);
  const int workers = WorkersFor(context, Work(batch.rows, shape));
  char* scratch = static_cast<char*>(context.Scratch(bytes * workers));
  // Items differ in length, so whoever is free takes the next.
  std::atomic<size_t> next = 0;
  RunWorkers(context, workers, [&](int worker) {
    AttentionTile tile(context, data, scratch + worker * bytes);
    for (size_t i = next.fetch_add(1, std::memory_order_relaxed);
         i < items.size(); i = next.fetch_add(1, std::memory_order_relaxed)) {
      tile.Run(items[i]);
    }
  });
}

}  // namespace lora
