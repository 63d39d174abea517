// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_ROPE_H_
#define LORA_SERVER_MODEL_DECODER_ROPE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/model/decoder/rope_config.h"

namespace lora {

// The angle that each pair of dimensions turns by per position, [head_dim / 2]:
// theta^(-2i / head_dim), scaled as `config` says. `length` matters to
// kDynamic only.
//
// Su et al. 2021, arXiv:2104.09864; linear: Chen et al. 2023, arXiv:2306.15595;
// yarn: Peng et al. 2023, arXiv:2309.00071.
std::vector<float> RopeFrequencies(const RopeConfig& config, int64_t head_dim,
                                   int64_t length);

// The length that kDynamic scales for: a function of the request alone, so
// that a position's key never depends on how the request was scheduled. All of
// a prompt is turned for the prompt's length, a generated position for the
// length that it makes.
int64_t DynamicRopeLength(const RopeConfig& config, int64_t position,
                          int64_t prompt_length);

// Turns positions into the cosines and sines of a model's rotary embedding.
//
// Not thread-safe: keeps the last length's frequencies.
class Rope {
 public:
  Rope(const RopeConfig& config, int64_t head_dim);

  // cos, sin: [head_dim / 2], written.
  void Fill(int64_t position, int64_t prompt_length, absl::Span<float> cos,
            absl::Span<float> sin);

 private:
  RopeConfig config_;
  int64_t head_dim_;
  int64_t length_;  // That frequencies_ are for.
  std::vector<float> frequencies_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_ROPE_H_
