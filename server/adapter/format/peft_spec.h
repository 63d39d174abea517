// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_PEFT_SPEC_H_
#define LORA_SERVER_ADAPTER_FORMAT_PEFT_SPEC_H_

#include "absl/status/statusor.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/adapter_spec.h"
#include "server/adapter/base_model_spec.h"
#include "server/adapter/format/peft_config.h"
#include "server/adapter/format/peft_matching.h"
#include "server/tensorfile/safetensors_header.h"

namespace lora {

// Builds the spec of a PEFT adapter from its config and the header of its
// weights. The tensors say which modules are adapted and with what rank; the
// config (with `matcher`, made of it) adds scaling, and must agree. Offsets are
// those in the weights file.
//
// What PairWeights returns. FAILED_PRECONDITION: MODULE_NOT_FOUND, MODULE_TYPE,
// SHAPE_BASE. INVALID_ARGUMENT: UNTARGETED (unless skip_untargeted),
// SHAPE_PAIR, RANK_MISMATCH, ALPHA: the scaling is not finite; ST_DTYPE: not
// floats; EMPTY: nothing is left. UNIMPLEMENTED (ST_DTYPE): floats of 8 bits or
// less, or several types in one file.
absl::StatusOr<AdapterSpec> BuildPeftSpec(const SafetensorsHeader& header,
                                          const PeftConfig& config,
                                          const ModuleMatcher& matcher,
                                          const BaseModelSpec& base,
                                          const AdapterLoadOptions& options);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_PEFT_SPEC_H_
