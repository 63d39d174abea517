// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_PEFT_MATCHING_H_
#define LORA_SERVER_ADAPTER_FORMAT_PEFT_MATCHING_H_

#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/adapter/base_model_spec.h"
#include "server/adapter/format/peft_config.h"

namespace lora {

// Says which modules of a base model a LoraConfig targets, and with which rank
// and alpha, by the rules of PEFT 0.21. Paths are those inside the base model.
//
// Immutable, so thread-safe.
class ModuleMatcher {
 public:
  // INVALID_ARGUMENT: REGEX; CONFIG_FIELD: no target_modules, and the model
  // type has no usual ones.
  static absl::StatusOr<ModuleMatcher> Create(const PeftConfig& config,
                                              absl::string_view model_type);

  // In this order: what exclude_modules names is not targeted; nor what lies in
  // modules_to_save; target_modules as an expression matches whole paths
  // ("all-linear": every linear layer but the output); as a list it holds the
  // path, or its end after a dot, and then layers_to_transform decides.
  bool IsTargeted(const BaseModule& module) const;

  // From the first pattern, in file order, that matches the end of `path` after
  // a dot or all of it; else the config's own.
  int32_t RankOf(absl::string_view path) const;
  double AlphaOf(absl::string_view path) const;

  // Keys of rank_pattern and alpha_pattern that RankOf and AlphaOf would pick
  // for none of `paths`.
  std::vector<std::string> UnusedPatterns(
      const std::vector<absl::string_view>& paths) const;

 private:
  using Regex = std::unique_ptr<const RE2>;

  // A regular expression over whole paths, or a list.
  struct NameSet {
    Regex regex;
    absl::flat_hash_set<std::string> list;

    bool HoldsWhole(absl::string_view path) const;
    bool HoldsEnd(absl::string_view path) const;
  };
  template <typename Value>
  struct Pattern {
    std::string key;
    Regex regex;
    Value value;
  };
  template <typename Value>
  using Patterns = std::vector<Pattern<Value>>;

  ModuleMatcher() = default;

  absl::Status CompileTargets(const PeftConfig& config,
                              absl::string_view model_type);
  absl::Status CompileLayers(const PeftConfig& config);
  static absl::StatusOr<NameSet> CompileNames(const ModuleNames& names);
  template <typename Value>
  static absl::StatusOr<Patterns<Value>> CompilePatterns(
      const std::vector<std::pair<std::string, Value>>& patterns);
  template <typename Value>
  static const Pattern<Value>* FindPattern(const Patterns<Value>& patterns,
                                           absl::string_view path);

  bool IsExcluded(absl::string_view path) const;
  bool IsInTargetedLayer(absl::string_view path) const;

  NameSet targets_;
  bool targets_all_linear_ = false;
  std::vector<std::string> untargeted_heads_;  // Of "all-linear".
  NameSet excluded_;
  std::vector<Regex> saved_;
  absl::flat_hash_set<int64_t> layers_;  // Empty: all.
  std::vector<Regex> layer_patterns_;    // With a group "idx".
  Patterns<int32_t> rank_patterns_;
  Patterns<double> alpha_patterns_;
  int32_t rank_ = 0;
  double alpha_ = 0.0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_PEFT_MATCHING_H_
