// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_KV_CACHE_H_
#define LORA_SERVER_MODEL_KV_CACHE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace lora {

// Positions a block; divides kAttentionChunk.
inline constexpr int64_t kKvBlockSize = 16;

// What one block of a model's cache looks like.
struct KvCacheShape {
  int64_t num_layers = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
  int64_t block_size = kKvBlockSize;
  at::ScalarType dtype = at::kFloat;
};

// The memory of a paged key/value cache; which sequence owns which block is the
// scheduler's business (Kwon et al. 2023, arXiv:2309.06180).
//
// Not thread-safe: engine thread only.
class KvCache {
 public:
  // Bytes of one block over all layers, keys and values.
  static int64_t BytesPerBlock(const KvCacheShape& shape);

  // RESOURCE_EXHAUSTED (MEMORY): the allocation failed.
  static absl::StatusOr<KvCache> Create(const KvCacheShape& shape,
                                        int64_t num_blocks, at::Device device);

  // [num_blocks, num_kv_heads, block_size, head_dim] of one layer.
  at::Tensor& keys(int64_t layer) { return keys_[layer]; }
  at::Tensor& values(int64_t layer) { return values_[layer]; }

  const KvCacheShape& shape() const { return shape_; }
  int64_t num_blocks() const { return num_blocks_; }
  int64_t bytes() const { return num_blocks_ * BytesPerBlock(shape_); }

 private:
  KvCache(const KvCacheShape& shape, int64_t num_blocks)
      : shape_(shape), num_blocks_(num_blocks) {}

  KvCacheShape shape_;
  int64_t num_blocks_;
  std::vector<at::Tensor> keys_;
  std::vector<at::Tensor> values_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_KV_CACHE_H_
