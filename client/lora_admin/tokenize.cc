// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin tokenize --prompt 'hello>'
  lora-admin tokenize --chat 'Hi!' --system 'Be brief.' -o json)";

absl::Status Run(const PromptFlags& prompt, const Session& session) {
  v1::TokenizeRequest request;
  SetPrompt(prompt, request);
  const absl::StatusOr<v1::TokenizeResponse> tokens =
      session.client.Tokenize(request, session.call);
  if (!tokens.ok()) return tokens.status();
  if (session.output == OutputFormat::kJson) {
    std::cout << FormatJson(*tokens);
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {{"ID", "PIECE"}};
  for (int i = 0; i < tokens->ids_size(); ++i) {
    rows.push_back({absl::StrCat(tokens->ids(i)),
                    i < tokens->pieces_size() ? tokens->pieces(i) : ""});
  }
  std::cout << FormatTable(rows);
  return absl::OkStatus();
}

}  // namespace

void AddTokenize(CLI::App& app, Command& chosen) {
  const auto prompt = std::make_shared<PromptFlags>();
  CLI::App* command = app.add_subcommand(
      "tokenize", "Show the tokens that generate would make of a prompt");
  command->footer(kFooter);
  AddPrompt(*command, *prompt);
  command->callback([prompt, &chosen] {
    chosen = [prompt](const Session& session) { return Run(*prompt, session); };
  });
}

}  // namespace lora::admin
