// SPDX-License-Identifier: Apache-2.0
#include "client/flags/repeated.h"

#include <utility>

namespace lora {

CLI::Option* AddRepeated(CLI::App& app, const std::string& name,
                         std::function<void(const std::string&)> add,
                         const std::string& help) {
  return app.add_option_function<std::string>(name, std::move(add), help)
      ->trigger_on_parse();
}

}  // namespace lora
