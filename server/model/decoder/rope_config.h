// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_ROPE_CONFIG_H_
#define LORA_SERVER_MODEL_DECODER_ROPE_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace lora {

class FieldReader;

enum class RopeType : uint8_t { kDefault, kLinear, kDynamic, kYarn, kLlama3 };

// How positions become rotation angles. Fields that a type does not name are
// not read for it.
struct RopeConfig {
  RopeType type = RopeType::kDefault;
  double theta = 10000.0;
  double factor = 1.0;  // All but kDefault.
  // Positions before scaling: all but kDefault. For kLinear they bound the
  // context alone.
  int64_t original_max_positions = 0;
  double low_freq_factor = 1.0;   // kLlama3.
  double high_freq_factor = 4.0;  // kLlama3.
  double beta_fast = 32.0;        // kYarn.
  double beta_slow = 1.0;         // kYarn.
  // Whether the ends of the ramp are rounded to whole dimensions: kYarn.
  bool truncate = true;
  // Factor on cos and sin: kYarn.
  double attention_factor = 1.0;
};

// Reads the rotary fields of a config.json in either spelling: `rope_theta` and
// `rope_scaling` (transformers 4), or `rope_parameters` (5). Where a file has
// both, `rope_scaling` wins, as in transformers. Errors stick to `config`;
// fields that were ignored are added to `warnings`.
RopeConfig ReadRopeConfig(FieldReader& config, int64_t max_positions,
                          std::vector<std::string>& warnings);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_ROPE_CONFIG_H_
