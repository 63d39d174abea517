// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_matching.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/adapter/format/peft_fields.h"
#include "server/adapter/format/python_regex.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr size_t kMaxPatterns = 4096;
// The first dotted number with two dotted parts before it.
constexpr absl::string_view kAnyLayer = R"(.*?\.[^.]*\.(?P<idx>\d+)\.)";

// What PEFT targets when a config names nothing.
std::vector<std::string> DefaultTargets(absl::string_view model_type) {
  if (model_type == "gpt2") return {"c_attn"};
  if (model_type == "phi") return {"q_proj", "v_proj", "fc1", "fc2"};
  for (const absl::string_view known :
       {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2"}) {
    if (model_type == known) return {"q_proj", "v_proj"};
  }
  return {};
}

absl::Status CheckCount(absl::string_view field, size_t count) {
  if (count <= kMaxPatterns) return absl::OkStatus();
  return ConfigError(ErrorReason::kRegex,
                     absl::StrCat(field, " holds ", count,
                                  " expressions; the limit is ", kMaxPatterns));
}

absl::string_view LastComponent(absl::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

}  // namespace

bool ModuleMatcher::NameSet::HoldsWhole(absl::string_view path) const {
  return regex != nullptr ? MatchesWhole(*regex, path) : list.contains(path);
}

bool ModuleMatcher::NameSet::HoldsEnd(absl::string_view path) const {
  for (size_t dot = path.find('.'); dot != absl::string_view::npos;
       dot = path.find('.', dot + 1)) {
    if (list.contains(path.substr(dot + 1))) return true;
  }
  return false;
}

absl::StatusOr<ModuleMatcher::NameSet> ModuleMatcher::CompileNames(
    const ModuleNames& names) {
  NameSet set;
  if (names.regex.has_value()) {
    LORA_ASSIGN_OR_RETURN(set.regex, CompilePythonRegex("", *names.regex, "",
                                                        RegexPlace::kWhole));
  }
  set.list.insert(names.list.begin(), names.list.end());
  return set;
}

template <typename Value>
absl::StatusOr<ModuleMatcher::Patterns<Value>> ModuleMatcher::CompilePatterns(
    const std::vector<std::pair<std::string, Value>>& patterns) {
  LORA_RETURN_IF_ERROR(
      CheckCount("rank_pattern or alpha_pattern", patterns.size()));
  Patterns<Value> compiled;
  compiled.reserve(patterns.size());
  for (const auto& [key, value] : patterns) {
    LORA_ASSIGN_OR_RETURN(
        Regex regex,
        CompilePythonRegex(R"((.*\.)?()", key, ")$", RegexPlace::kInside));
    compiled.push_back({key, std::move(regex), value});
  }
  return compiled;
}

absl::Status ModuleMatcher::CompileTargets(const PeftConfig& config,
                                           absl::string_view model_type) {
  ModuleNames targets = config.target_modules;
  if (config.default_targets) {
    targets.list = DefaultTargets(model_type);
    if (targets.list.empty()) {
      return ConfigError(
          ErrorReason::kConfigField,
          absl::StrCat("target_modules is missing, and PEFT has no default "
                       "for the model type \"",
                       model_type, "\"; name the modules"));
    }
  }
  if (targets.regex.has_value() &&
      absl::AsciiStrToLower(*targets.regex) == "all-linear") {
    targets_all_linear_ = true;
    untargeted_heads_ = config.task_type == "SEQ_CLS"
                            ? std::vector<std::string>{"score", "classifier"}
                            : std::vector<std::string>{"lm_head"};
    return absl::OkStatus();
  }
  LORA_ASSIGN_OR_RETURN(targets_, CompileNames(targets));
  return absl::OkStatus();
}

absl::Status ModuleMatcher::CompileLayers(const PeftConfig& config) {
  layers_.insert(config.layers_to_transform.begin(),
                 config.layers_to_transform.end());
  LORA_RETURN_IF_ERROR(
      CheckCount("layers_pattern", config.layers_pattern.size()));
  for (const std::string& pattern : config.layers_pattern) {
    LORA_ASSIGN_OR_RETURN(
        Regex regex,
        CompilePythonRegex(R"((?:^|.*?\.))", pattern, R"(\.(?P<idx>\d+)\.)",
                           RegexPlace::kInside));
    layer_patterns_.push_back(std::move(regex));
  }
  if (layer_patterns_.empty()) {
    layer_patterns_.push_back(std::make_unique<const RE2>(
        re2::StringPiece(kAnyLayer.data(), kAnyLayer.size())));
  }
  return absl::OkStatus();
}

absl::StatusOr<ModuleMatcher> ModuleMatcher::Create(
    const PeftConfig& config, absl::string_view model_type) {
  ModuleMatcher matcher;
  LORA_RETURN_IF_ERROR(matcher.CompileTargets(config, model_type));
  LORA_RETURN_IF_ERROR(matcher.CompileLayers(config));
  LORA_ASSIGN_OR_RETURN(matcher.excluded_,
                        CompileNames(config.exclude_modules));
  LORA_RETURN_IF_ERROR(
      CheckCount("modules_to_save", config.modules_to_save.size()));
  for (const std::string& name : config.modules_to_save) {
    LORA_ASSIGN_OR_RETURN(Regex regex,
                          CompilePythonRegex(R"((^|.*\.))", name, R"(($|\..*))",
                                             RegexPlace::kInside));
    matcher.saved_.push_back(std::move(regex));
  }
  LORA_ASSIGN_OR_RETURN(matcher.rank_patterns_,
                        CompilePatterns(config.rank_pattern));
  LORA_ASSIGN_OR_RETURN(matcher.alpha_patterns_,
                        CompilePatterns(config.alpha_pattern));
  matcher.rank_ = config.rank;
  matcher.alpha_ = config.alpha;
  return matcher;
}

bool ModuleMatcher::IsExcluded(absl::string_view path) const {
  if (excluded_.HoldsWhole(path) || excluded_.HoldsEnd(path)) return true;
  return std::any_of(saved_.begin(), saved_.end(), [path](const Regex& regex) {
    return MatchesAtStart(*regex, path);
  });
}

bool ModuleMatcher::IsInTargetedLayer(absl::string_view path) const {
  if (layers_.empty()) return true;
  for (const Regex& regex : layer_patterns_) {
    const int group = regex->NamedCapturingGroups().at("idx");
    std::vector<re2::StringPiece> groups(group + 1);
    if (!regex->Match({path.data(), path.size()}, 0, path.size(),
                      RE2::ANCHOR_START, groups.data(), group + 1)) {
      continue;
    }
    // The first pattern that matches decides, also when it found no number.
    int64_t layer = 0;
    const re2::StringPiece digits = groups[group];
    return absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()),
                            &layer) &&
           layers_.contains(layer);
  }
  return false;
}

bool ModuleMatcher::IsTargeted(const BaseModule& module) const {
  if (IsExcluded(module.path)) return false;
  if (targets_all_linear_) {
    return module.type == ModuleType::kLinear &&
           std::find(untargeted_heads_.begin(), untargeted_heads_.end(),
                     LastComponent(module.path)) == untargeted_heads_.end();
  }
  if (targets_.HoldsWhole(module.path)) return true;
  return targets_.HoldsEnd(module.path) && IsInTargetedLayer(module.path);
}

template <typename Value>
const ModuleMatcher::Pattern<Value>* ModuleMatcher::FindPattern(
    const Patterns<Value>& patterns, absl::string_view path) {
  for (const Pattern<Value>& pattern : patterns) {
    if (MatchesAtStart(*pattern.regex, path)) return &pattern;
  }
  return nullptr;
}

int32_t ModuleMatcher::RankOf(absl::string_view path) const {
  const auto* pattern = FindPattern(rank_patterns_, path);
  return pattern == nullptr ? rank_ : pattern->value;
}

double ModuleMatcher::AlphaOf(absl::string_view path) const {
  const auto* pattern = FindPattern(alpha_patterns_, path);
  return pattern == nullptr ? alpha_ : pattern->value;
}

std::vector<std::string> ModuleMatcher::UnusedPatterns(
    const std::vector<absl::string_view>& paths) const {
  std::vector<std::string> unused;
  const auto collect = [&](absl::string_view field, const auto& patterns) {
    absl::flat_hash_set<const void*> used;
    for (const absl::string_view path : paths) {
      used.insert(FindPattern(patterns, path));
    }
    for (const auto& pattern : patterns) {
      if (used.contains(&pattern)) continue;
      unused.push_back(absl::StrCat(field, "[\"", pattern.key, "\"]"));
    }
  };
  collect("rank_pattern", rank_patterns_);
  collect("alpha_pattern", alpha_patterns_);
  return unused;
}

}  // namespace lora
