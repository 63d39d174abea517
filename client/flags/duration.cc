// SPDX-License-Identifier: Apache-2.0
#include "client/flags/duration.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lora {

CLI::Option* AddDuration(CLI::App& app, const std::string& name,
                         std::function<void(absl::Duration)> set,
                         const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [name, set = std::move(set)](const std::string& text) {
            absl::Duration duration;
            if (!absl::ParseDuration(text, &duration) ||
                duration < absl::ZeroDuration()) {
              throw CLI::ValidationError(
                  name, absl::StrCat("'", text,
                                     "' is no duration, expected one like 30s "
                                     "or 1m30s"));
            }
            set(duration);
          },
          help)
      ->type_name("DURATION");
}

}  // namespace lora
