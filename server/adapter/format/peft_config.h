// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_PEFT_CONFIG_H_
#define LORA_SERVER_ADAPTER_FORMAT_PEFT_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/base_model_spec.h"

namespace lora {

// Names of modules: a regular expression over the whole path, or a list of
// paths and last parts of paths.
struct ModuleNames {
  std::optional<std::string> regex;
  std::vector<std::string> list;

  bool empty() const { return !regex.has_value() && list.empty(); }
};

// What adapter_config.json says about a LoRA that is served as
// y += scaling * (x A^T) B^T. Made only by ParsePeftConfig.
struct PeftConfig {
  int32_t rank = 8;
  double alpha = 8.0;
  bool use_rslora = false;
  // Pattern to value; the first that matches a module counts.
  std::vector<std::pair<std::string, int32_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;

  ModuleNames target_modules;
  // No target_modules at all: the base model's usual ones.
  bool default_targets = false;
  ModuleNames exclude_modules;
  std::vector<std::string> modules_to_save;
  std::vector<int64_t> layers_to_transform;  // Empty: every layer.
  std::vector<std::string> layers_pattern;

  std::string task_type;
  std::vector<std::string> warnings;
};

// Parses the text of adapter_config.json, checks it against itself and refuses
// what CheckPeftFeatures refuses.
//
// INVALID_ARGUMENT: CONFIG_SYNTAX, LFS_POINTER, CONFIG_FIELD, RANK, ALPHA,
// TOKENS; CONFIG_CONFLICT: fields exclude each other, or options.alpha is set.
// UNIMPLEMENTED: PEFT_TYPE, FEATURE. FAILED_PRECONDITION: BASE_MUTATED,
// SAVED_MODULE; BASE_MISMATCH: with options.strict_base, it names another base
// model. RESOURCE_EXHAUSTED (RANK): over `max_rank`.
absl::StatusOr<PeftConfig> ParsePeftConfig(absl::string_view text,
                                           const BaseModelSpec& base,
                                           const AdapterLoadOptions& options,
                                           int32_t max_rank);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_PEFT_CONFIG_H_
