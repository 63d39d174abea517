// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_LORA_ADMIN_COMMAND_LINE_H_
#define LORA_CLIENT_LORA_ADMIN_COMMAND_LINE_H_

namespace lora::admin {

// Does what the command line asks for; returns the exit code.
int RunCommandLine(int argc, char** argv);

}  // namespace lora::admin

#endif  // LORA_CLIENT_LORA_ADMIN_COMMAND_LINE_H_
