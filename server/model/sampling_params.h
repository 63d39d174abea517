// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_SAMPLING_PARAMS_H_
#define LORA_SERVER_MODEL_SAMPLING_PARAMS_H_

#include <cstdint>

#include "absl/status/status.h"

namespace lora {

inline constexpr int32_t kMaxTopLogprobs = 20;
inline constexpr float kMaxTemperature = 100.0f;
inline constexpr float kMaxRepetitionPenalty = 100.0f;

// How a token is chosen from the logits. The defaults are greedy.
struct SamplingParams {
  float temperature = 0.0f;  // [0, kMaxTemperature]; 0: greedy.
  int32_t top_k = 0;         // >= 0; 0: off.
  float top_p = 1.0f;        // (0, 1].
  float min_p = 0.0f;        // [0, 1].
  // (0, kMaxRepetitionPenalty]; over prompt and output.
  float repetition_penalty = 1.0f;
  float frequency_penalty = 0.0f;  // [-2, 2]; over the output.
  float presence_penalty = 0.0f;   // [-2, 2]; over the output.
  uint64_t seed = 0;
  int32_t top_logprobs = 0;  // [0, kMaxTopLogprobs].
};

// INVALID_ARGUMENT (PARAM): a field is out of its range or not a number.
absl::Status ValidateSamplingParams(const SamplingParams& params);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_SAMPLING_PARAMS_H_
