// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_PAGED_ATTENTION_CPU_H_
#define LORA_SERVER_KERNELS_PAGED_ATTENTION_CPU_H_

#include <ATen/core/Tensor.h>

#include "server/kernels/kernel_context.h"
#include "server/kernels/paged_attention.h"

namespace lora {

// The CPU side of paged_attention.h, for checked arguments.
void WriteKvCacheCpu(KernelContext& context, const at::Tensor& k,
                     const at::Tensor& v, const AttentionBatch& batch);

// Tiles of query rows, for each kv head, are dealt to the threads one by one.
// A tile walks the chunks of kAttentionChunk positions in order; in each, for
// all of its rows and query heads,
//
//   s = scale * q K^T,  m = max s,  p = exp(s - m),  l = sum p,  o = p V
//
// over the positions that the row sees, and folds (m, l, o) into the running
// sums by the rule of online softmax (Milakov & Gimelshein 2018,
// arXiv:1805.02867). A chunk's (m, l, o) depends on the row alone, and so does
// the order of folding.
void PagedAttentionCpu(KernelContext& context, const at::Tensor& q,
                       const AttentionBatch& batch, at::Tensor& out);

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_PAGED_ATTENTION_CPU_H_
