// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_LORA_ADMIN_COMMANDS_H_
#define LORA_CLIENT_LORA_ADMIN_COMMANDS_H_

#include <CLI/CLI.hpp>

#include "client/lora_admin/session.h"

namespace lora::admin {

// One function a subcommand, in the file of its name: declares the subcommand
// below `app` and, when the command line asks for it, puts what it does into
// `chosen`. Completion needs no server: it is done when it is parsed.
void AddCompletion(CLI::App& app);
void AddGenerate(CLI::App& app, Command& chosen);
void AddGet(CLI::App& app, Command& chosen);
void AddInfo(CLI::App& app, Command& chosen);
void AddList(CLI::App& app, Command& chosen);
void AddLoad(CLI::App& app, Command& chosen);
void AddMerge(CLI::App& app, Command& chosen);
void AddTokenize(CLI::App& app, Command& chosen);
void AddUnload(CLI::App& app, Command& chosen);
void AddUnmerge(CLI::App& app, Command& chosen);
void AddUpdate(CLI::App& app, Command& chosen);
void AddValidate(CLI::App& app, Command& chosen);
void AddWatch(CLI::App& app, Command& chosen);

}  // namespace lora::admin

#endif  // LORA_CLIENT_LORA_ADMIN_COMMANDS_H_
