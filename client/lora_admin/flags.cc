// SPDX-License-Identifier: Apache-2.0
#include "client/lora_admin/flags.h"

#include <cmath>
#include <iostream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "client/flags/choice.h"
#include "client/flags/repeated.h"

namespace lora::admin {
namespace {

constexpr const char* kWeightType = "ID[=WEIGHT]";

v1::AdapterWeight ParseWeight(const std::string& name,
                              const std::string& text) {
  v1::AdapterWeight weight;
  const size_t equals = text.find('=');
  weight.set_adapter_id(text.substr(0, equals));
  if (equals == std::string::npos) return weight;
  float number = 0.0f;
  if (!absl::SimpleAtof(text.substr(equals + 1), &number) ||
      !std::isfinite(number)) {
    throw CLI::ValidationError(
        name, "'" + text + "' has no finite weight, expected ID or ID=0.5");
  }
  weight.set_weight(number);
  return weight;
}

std::string ReadStandardInput() {
  const std::string text((std::istreambuf_iterator<char>(std::cin)),
                         std::istreambuf_iterator<char>());
  return std::string(absl::StripSuffix(text, "\n"));
}

template <typename Request>
void SetPromptOf(const PromptFlags& flags, Request& request) {
  if (flags.no_special_tokens) request.set_add_special_tokens(false);
  if (!flags.chat.has_value()) {
    request.set_text(flags.text.has_value() ? *flags.text
                                            : ReadStandardInput());
    return;
  }
  if (!flags.system.empty()) {
    v1::ChatMessage* system = request.mutable_chat()->add_messages();
    system->set_role("system");
    system->set_content(flags.system);
  }
  v1::ChatMessage* user = request.mutable_chat()->add_messages();
  user->set_role("user");
  user->set_content(*flags.chat);
}

}  // namespace

CLI::Option* AddWeights(CLI::App& app, const std::string& name,
                        std::vector<v1::AdapterWeight>& value,
                        const std::string& help) {
  return AddRepeated(
             app, name,
             [name, &value](const std::string& text) {
               value.push_back(ParseWeight(name, text));
             },
             help)
      ->type_name(kWeightType);
}

CLI::Option* AddWeightArguments(CLI::App& app, const std::string& name,
                                std::vector<v1::AdapterWeight>& value,
                                const std::string& help) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [name, &value](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              value.push_back(ParseWeight(name, text));
            }
          },
          help)
      ->type_name(kWeightType)
      ->required();
}

CLI::Option* AddLabels(CLI::App& app, std::map<std::string, std::string>& value,
                       const std::string& help) {
  return AddRepeated(
             app, "--label",
             [&value](const std::string& text) {
               const size_t equals = text.find('=');
               if (equals == 0 || equals == std::string::npos) {
                 throw CLI::ValidationError("--label",
                                            "'" + text + "' is not KEY=VALUE");
               }
               value[text.substr(0, equals)] = text.substr(equals + 1);
             },
             help)
      ->type_name("KEY=VALUE");
}

CLI::Option* AddWarmTier(CLI::App& app, v1::AdapterTier& value) {
  return AddChoice(
      app, "--warm-tier", value,
      {{"disk", v1::ADAPTER_TIER_DISK}, {"host", v1::ADAPTER_TIER_HOST}},
      "Where the weights stay when they leave the device");
}

v1::LoadOptions LoadOptionFlags::ToProto() const {
  v1::LoadOptions proto;
  if (alpha.has_value()) proto.set_alpha(*alpha);
  proto.set_strict_base(strict_base);
  proto.set_skip_untargeted(skip_untargeted);
  return proto;
}

void AddLoadOptions(CLI::App& app, LoadOptionFlags& value) {
  app.add_option(
      "--alpha", value.alpha,
      "Alpha of a file that carries none; refused for a PEFT folder");
  app.add_flag("--strict-base", value.strict_base,
               "Refuse an adapter that names another base model");
  app.add_flag("--skip-untargeted", value.skip_untargeted,
               "Skip tensors of modules that the config does not target");
}

void AddPrompt(CLI::App& app, PromptFlags& value) {
  CLI::Option* text =
      app.add_option("--prompt", value.text,
                     "Prompt; default: standard input, less one "
                     "newline at its end");
  CLI::Option* chat =
      app.add_option("--chat", value.chat,
                     "A user's message, put into the model's chat template");
  chat->excludes(text);
  app.add_option("--system", value.system, "The system message of the chat")
      ->needs(chat);
  app.add_flag("--no-special-tokens", value.no_special_tokens,
               "Add no <s> and the like to the prompt");
}

void SetPrompt(const PromptFlags& flags, v1::GenerateRequest& request) {
  SetPromptOf(flags, request);
}

void SetPrompt(const PromptFlags& flags, v1::TokenizeRequest& request) {
  SetPromptOf(flags, request);
}

}  // namespace lora::admin
