// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_SAMPLING_DEFAULTS_H_
#define LORA_SERVER_MODEL_DECODER_SAMPLING_DEFAULTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/model/decoder/field_reader.h"

namespace lora {

// How a model's authors would sample from it; an unset field says nothing.
// Every value that is set is one that ValidateSamplingParams accepts.
struct SamplingDefaults {
  bool do_sample = false;  // False: greedy, whatever the temperature.
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
};

// Reads the fields of a generation_config.json. What is out of range is left
// unset and named in `warnings`: it is advice, and not everybody follows it.
SamplingDefaults ReadSamplingDefaults(FieldReader& generation_config,
                                      std::vector<std::string>& warnings);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_SAMPLING_DEFAULTS_H_
