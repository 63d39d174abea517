// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_PAGED_ATTENTION_H_
#define LORA_SERVER_KERNELS_PAGED_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/types/span.h"
#include "server/kernels/kernel_context.h"

namespace lora {

// The rows of one sequence in a batch, and where its keys and values are.
struct AttentionRows {
  int64_t row_begin = 0;
  int64_t row_end = 0;
  // Position of the first row in the sequence.
  int64_t position_begin = 0;
  // Block i holds positions [i * block_size, (i + 1) * block_size).
  absl::Span<const int32_t> block_table;
  // BlockIndex(block_table) on the caches' device, where that is no CPU, so
  // that a step's layers do not copy the table each. Undefined: each does.
  at::Tensor block_index;
};

// `block_table` as kLong [blocks] on `device`.
at::Tensor BlockIndex(absl::Span<const int32_t> block_table, at::Device device);

struct AttentionShape {
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;  // Divides num_heads.
  int64_t head_dim = 0;
  int64_t block_size = 0;  // Positions a block; divides kAttentionChunk.
  float scale = 1.0f;      // Usually head_dim^(-1/2).
  // Key j is visible from position i iff i - window < j <= i; 0: j <= i.
  int64_t window = 0;
};

// Positions whose scores are combined in one go. Decode and prefill walk the
// same chunks in the same order, so results do not depend on how a prompt was
// cut into steps.
inline constexpr int64_t kAttentionChunk = 128;

// The sequences of a step, and one layer's keys and values of them.
struct AttentionBatch {
  absl::Span<const AttentionRows> rows;
  AttentionShape shape;
  // [num_blocks, num_kv_heads, block_size, head_dim], of one dtype.
  at::Tensor k_cache;
  at::Tensor v_cache;
};

// Stores the keys and values of a step's rows in the caches of `batch`.
//
// k, v: [rows, num_kv_heads * head_dim], of the caches' dtype. Row t of a
// sequence goes to position position_begin + t - row_begin.
void WriteKvCache(KernelContext& context, const at::Tensor& k,
                  const at::Tensor& v, const AttentionBatch& batch);

// Causal attention over a paged cache (Kwon et al. 2023, arXiv:2309.06180),
// grouped-query: query head h reads kv head h / (num_heads / num_kv_heads).
//
//   out[t,h] = sum_j softmax_j(scale * q[t,h] . k[j]) v[j],  j visible from t
//
// q, out: [rows, num_heads * head_dim]; kFloat or kBFloat16, like the caches.
// Scores and sums are float32. The keys of the step's own rows must already be
// in the cache.
//
// Invariant (CPU): a row's result depends only on its query and the visible
// keys and values, not on batch mates, chunking of the prompt, or threads.
void PagedAttention(KernelContext& context, const at::Tensor& q,
                    const AttentionBatch& batch, at::Tensor& out);

// Both, spelled with ATen on any device: the tests' oracle; what CUDA runs.
void WriteKvCacheReference(const at::Tensor& k, const at::Tensor& v,
                           const AttentionBatch& batch);
void PagedAttentionReference(const at::Tensor& q, const AttentionBatch& batch,
                             at::Tensor& out);

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_PAGED_ATTENTION_H_
