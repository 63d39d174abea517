// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_SAMPLING_RANDOM_H_
#define LORA_SERVER_MODEL_SAMPLING_RANDOM_H_

#include <cstdint>

namespace lora {

// A uniform number in [0, 1) that belongs to one output position of one seed:
// no state is carried from token to token, so nothing that happens between two
// tokens (batch mates, preemption) can change the draw.
//
// Two rounds of the SplitMix64 finaliser over a Weyl sequence: Steele et al.
// 2014, doi:10.1145/2660193.2660195.
double UniformAt(uint64_t seed, uint64_t position);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_SAMPLING_RANDOM_H_
