// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_WORKSPACE_H_
#define LORA_SERVER_MODEL_DECODER_WORKSPACE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "server/model/decoder/decoder_config.h"
#include "server/model/decoder/weight_plan.h"

namespace lora {

// The activations of one step. Their memory grows to that of the largest step
// seen, never beyond, and is then reused. Not thread-safe.
class Workspace {
 public:
  // Views of a step's size; contents are undefined.
  struct Activations {
    at::Tensor residual;   // [rows, hidden]
    at::Tensor normed;     // [rows, hidden]
    at::Tensor branch;     // [rows, hidden]: what a branch adds to residual.
    at::Tensor q;          // [rows, heads * head_dim]
    at::Tensor k, v;       // [rows, kv_heads * head_dim]
    at::Tensor attention;  // [rows, heads * head_dim]
    at::Tensor gate, up;   // [rows, intermediate]
    at::Tensor gated;      // [rows, intermediate]
    at::Tensor cos, sin;   // Float32 [rows, head_dim / 2], on the CPU.
  };
  struct Head {
    at::Tensor residual;  // [logit_rows, hidden]
    at::Tensor branch;    // [logit_rows, hidden]
    at::Tensor normed;    // [logit_rows, hidden]
    at::Tensor logits;    // Float32 [logit_rows, vocab]
  };

  Workspace(const DecoderConfig& config, const WeightFormat& format);

  // What steps of up to so many rows take at most, exactly; the sum of what
  // each row takes.
  static int64_t Bytes(const DecoderConfig& config, const WeightFormat& format,
                       int64_t rows, int64_t logit_rows);

  // Each valid until its next call. Throws what Torch's allocator throws.
  Activations& ForRows(int64_t rows);
  Head& ForLogitRows(int64_t rows);

 private:
  Activations AllocateActivations(int64_t rows) const;
  Head AllocateHead(int64_t rows) const;

  int64_t hidden_;
  int64_t q_width_;
  int64_t kv_width_;
  int64_t intermediate_;
  int64_t angles_;
  int64_t vocab_;
  WeightFormat format_;
  int64_t capacity_rows_ = 0;
  int64_t capacity_logit_rows_ = 0;
  Activations activations_;  // [capacity_rows_, ...]
  Activations step_;
  Head head_;  // [capacity_logit_rows_, ...]
  Head step_head_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_WORKSPACE_H_
