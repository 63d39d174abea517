// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_ATTENTION_TILE_H_
#define LORA_SERVER_KERNELS_ATTENTION_TILE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "server/kernels/kernel_context.h"
#include "server/kernels/paged_attention.h"
#include "server/kernels/work_share.h"

namespace lora {

// The tensors of one PagedAttention call.
struct AttentionData {
  at::ScalarType dtype = at::kFloat;
  AttentionShape shape;
  const char* q = nullptr;
  const char* k_cache = nullptr;
  const char* v_cache = nullptr;
  char* out = nullptr;
};

// Some rows of one sequence with the query heads of one kv head.
struct AttentionItem {
  const AttentionRows* sequence = nullptr;
  Range rows;
  int64_t kv_head = 0;
};

// A thread's working memory. m counts the rows of a tile times the query heads
// of one kv head.
struct AttentionBuffers {
  AttentionBuffers(const AttentionShape& shape, void* scratch);
  // What the constructor takes from `scratch`, a multiple of a cache line.
  static int64_t Bytes(const AttentionShape& shape);

  char* queries = nullptr;  // [m, head_dim]
  // Positions as the columns of wide panels, laid out like a PackedWeight.
  char* keys = nullptr;
  // Panels of head_dim, each [kAttentionChunk, panel width].
  float* values = nullptr;
  float* scores = nullptr;  // [m, kAttentionChunk]
  // Of the chunk at hand, and of all before it.
  float* chunk_sums = nullptr;            // [m, padded head_dim]
  ChunkSoftmax* chunk_softmax = nullptr;  // [m]
  float* sums = nullptr;                  // [m, padded head_dim]
  ChunkSoftmax* softmax = nullptr;        // [m]
  int64_t bytes = 0;
};

// Attends one item after another.
// Not thread-safe: one a thread. `data` and `scratch` outlive it.
class AttentionTile {
 public:
  // Rows of the batch in one item.
  static int64_t RowsPerItem(const AttentionShape& shape);

  // `scratch` holds AttentionBuffers::Bytes(data.shape), cache line aligned.
  AttentionTile(const KernelContext& context, const AttentionData& data,
                void* scratch);

  // Writes the item's rows and heads of `out`.
  void Run(const AttentionItem& item);

 private:
  // The positions that `row` sees.
  Range Visible(int64_t row) const;
  // The key or value of `position` and those after it in its block.
  const char* CacheAt(const char* cache, int64_t position) const;
  // Where `row`'s query heads of this kv head begin in q and out, in bytes.
  int64_t HeadsAt(int64_t row) const;
  // The row's first m.
  int64_t First(int64_t row) const { return (row - item_.rows.begin) * group_; }

  void GatherQueries();
  void AddChunk(Range chunk);
  void PackKeys(Range chunk, Range seen);
  void PackValues(Range chunk, Range seen);
  // `count` rows of one block, to rows `first` on of the panels.
  void PackValueRows(const char* rows, int64_t first, int64_t count);
  void Score(Range chunk, Range seen);
  void WeighValues(Range chunk, Range rows, Range seen);
  void Fold(Range rows);
  void StoreRows();

  const CpuKernels& kernels_;
  const ElementKernels& element_;
  const AttentionData& data_;
  const AttentionShape& shape_;
  const AttentionBuffers buffers_;
  const int64_t group_;        // Query heads a kv head.
  const int64_t value_width_;  // Columns a panel of values.
  const int64_t value_panels_;
  AttentionItem item_;
};

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_ATTENTION_TILE_H_
