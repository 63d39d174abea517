// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_LORA_PROJECTION_CPU_H_
#define LORA_SERVER_KERNELS_LORA_PROJECTION_CPU_H_

#include <ATen/core/Tensor.h>

#include "absl/types/span.h"
#include "server/kernels/kernel_context.h"
#include "server/kernels/lora_projection.h"

namespace lora {

// The CPU side of LoraProjection, for checked arguments and at least one row.
//
// One parallel region in two phases:
//   shrink  h = round(scale * x A^T), shared by (term, rows, panel of A);
//   expand  each thread owns a contiguous range of output panels of the whole
//           group. Adapter outside, panel inside, it sums the deltas of its
//           range in float32: an adapter's part of B is one stream of memory.
//           Then panel outside, rows inside, it multiplies the base weights,
//           adds bias and delta, rounds once and stores.
// Without terms there is no shrink, no barrier and no delta.
void LoraProjectionCpu(KernelContext& context, const at::Tensor& x,
                       absl::Span<const Projection> projections);

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_LORA_PROJECTION_CPU_H_
