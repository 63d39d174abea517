// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_LORA_LINEAR_H_
#define LORA_SERVER_LORA_LORA_LINEAR_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "absl/types/span.h"
#include "server/kernels/kernel_context.h"
#include "server/kernels/packed_weight.h"
#include "server/lora/step_adapters.h"

namespace lora {

// A frozen linear layer of the base model that adapters may target. Immutable,
// so thread-safe; its weights are never written.
class LoraLinear {
 public:
  // `module_index`: into BaseModelSpec::modules. `bias`: float32 [out], or
  // undefined.
  LoraLinear(int32_t module_index, PackedWeight weight, at::Tensor bias)
      : module_index_(module_index),
        weight_(std::move(weight)),
        bias_(std::move(bias)) {}

  int32_t module_index() const { return module_index_; }
  const PackedWeight& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }
  int64_t in_features() const { return weight_.in_features(); }
  int64_t out_features() const { return weight_.out_features(); }

 private:
  int32_t module_index_;
  PackedWeight weight_;
  at::Tensor bias_;
};

// Computes linear layers that share one input, each row with its own adapters:
//
//   y[t] = x[t] W_set(t)^T + bias
//          + sum_{terms over t} weight * scaling * (x[t] A^T) B^T
//
// W_set(t) is the row's merged copy, or the base matrix where the row has none
// or the copy does not hold the module. Hu et al. 2021, arXiv:2106.09685,
// section 4.1.
//
// x: [adapters.num_rows, in]. outputs[i]: [adapters.num_rows, linears[i]'s
// out], x's dtype or float32; written. What holds for a row whatever else is
// in the batch is LoraProjection's contract.
void ForwardGroup(KernelContext& context, const at::Tensor& x,
                  absl::Span<const LoraLinear* const> linears,
                  const StepAdapters& adapters, absl::Span<at::Tensor> outputs);

}  // namespace lora

#endif  // LORA_SERVER_LORA_LORA_LINEAR_H_
