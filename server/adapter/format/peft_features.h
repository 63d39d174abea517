// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_PEFT_FEATURES_H_
#define LORA_SERVER_ADAPTER_FORMAT_PEFT_FEATURES_H_

#include "absl/status/status.h"
#include "server/adapter/base_model_spec.h"
#include "server/base/json.h"

namespace lora {

// Refuses a LoraConfig, as CheckFieldTypes accepted it, that asks for more than
// y += scaling * (x A^T) B^T over the untouched base: ignoring any of it would
// give other answers than the adapter was trained for.
//
// UNIMPLEMENTED (FEATURE): DoRA, aLoRA, biases, saved modules, trainable
// tokens, target_parameters, layer_replication and others; the message names
// it. FAILED_PRECONDITION: BASE_MUTATED: the adapter belongs to a base that its
// initialisation changed; SAVED_MODULE: its task needs a head that the base
// does not have. INVALID_ARGUMENT: TOKENS, CONFIG_FIELD.
absl::Status CheckPeftFeatures(const Json& config, const BaseModelSpec& base);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_PEFT_FEATURES_H_
