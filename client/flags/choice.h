// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_FLAGS_CHOICE_H_
#define LORA_CLIENT_FLAGS_CHOICE_H_

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lora {

// Adds the flag `name` whose value is one of a few words; another word is a
// usage error. `value` must outlive the parsing.
template <typename T>
CLI::Option* AddChoice(CLI::App& app, const std::string& name, T& value,
                       const std::vector<std::pair<std::string, T>>& choices,
                       const std::string& help) {
  const std::string words = absl::StrJoin(
      choices, "|",
      [](std::string* out, const auto& choice) { out->append(choice.first); });
  return app
      .add_option_function<std::string>(
          name,
          [name, choices, words, &value](const std::string& text) {
            for (const auto& [word, meaning] : choices) {
              if (text == word) {
                value = meaning;
                return;
              }
            }
            throw CLI::ValidationError(
                name, absl::StrCat("'", text, "' is none of ", words));
          },
          help)
      ->type_name(words);
}

}  // namespace lora

#endif  // LORA_CLIENT_FLAGS_CHOICE_H_
