// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_LORA_ADMIN_FLAGS_H_
#define LORA_CLIENT_LORA_ADMIN_FLAGS_H_

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lora/v1/adapter_service.pb.h"
#include "lora/v1/generation_service.pb.h"

namespace lora::admin {

// Flags and arguments of kinds that CLI11 does not know. A value that cannot
// be read is a usage error. `value` must outlive the parsing.

// "ID" or "ID=WEIGHT", as a flag that may be repeated.
CLI::Option* AddWeights(CLI::App& app, const std::string& name,
                        std::vector<v1::AdapterWeight>& value,
                        const std::string& help);
// The same as arguments, one or more.
CLI::Option* AddWeightArguments(CLI::App& app, const std::string& name,
                                std::vector<v1::AdapterWeight>& value,
                                const std::string& help);

// "--label KEY=VALUE", a flag that may be repeated.
CLI::Option* AddLabels(CLI::App& app, std::map<std::string, std::string>& value,
                       const std::string& help);

// "--warm-tier disk|host".
CLI::Option* AddWarmTier(CLI::App& app, v1::AdapterTier& value);

// How adapter files are read: --alpha, --strict-base, --skip-untargeted.
struct LoadOptionFlags {
  std::optional<double> alpha;
  bool strict_base = false;
  bool skip_untargeted = false;

  v1::LoadOptions ToProto() const;
};
void AddLoadOptions(CLI::App& app, LoadOptionFlags& value);

// The prompt of generate and tokenize: --prompt, --chat with --system, or else
// standard input.
struct PromptFlags {
  std::optional<std::string> text;
  std::optional<std::string> chat;
  std::string system;
  bool no_special_tokens = false;
};
void AddPrompt(CLI::App& app, PromptFlags& value);

// Fills `request`, a GenerateRequest or TokenizeRequest; reads standard input
// if no prompt was given.
void SetPrompt(const PromptFlags& flags, v1::GenerateRequest& request);
void SetPrompt(const PromptFlags& flags, v1::TokenizeRequest& request);

}  // namespace lora::admin

#endif  // LORA_CLIENT_LORA_ADMIN_FLAGS_H_
