// SPDX-License-Identifier: Apache-2.0
#include "server/model/kv_cache.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include "server/base/status_macros.h"
#include "server/kernels/check.h"
#include "server/kernels/torch_status.h"

namespace lora {

int64_t KvCache::BytesPerBlock(const KvCacheShape& shape) {
  return 2 * shape.num_layers * shape.num_kv_heads * shape.block_size *
         shape.head_dim * static_cast<int64_t>(c10::elementSize(shape.dtype));
}

absl::StatusOr<KvCache> KvCache::Create(const KvCacheShape& shape,
                                        int64_t num_blocks, at::Device device) {
  LORA_CHECK(num_blocks > 0, "a cache has blocks");
  KvCache cache(shape, num_blocks);
  LORA_RETURN_IF_ERROR(TorchGuard([&] {
    const auto options = at::dtype(shape.dtype).device(device);
    for (int64_t layer = 0; layer < shape.num_layers; ++layer) {
      for (std::vector<at::Tensor>* side : {&cache.keys_, &cache.values_}) {
        side->push_back(at::empty(
            {num_blocks, shape.num_kv_heads, shape.block_size, shape.head_dim},
            options));
      }
    }
    return absl::OkStatus();
  }));
  return cache;
}

}  // namespace lora
