// SPDX-License-Identifier: Apache-2.0
// lora-admin: controls a lora-server from the command line.
#include "client/lora_admin/command_line.h"

int main(int argc, char** argv) {
  return lora::admin::RunCommandLine(argc, argv);
}
