// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LOGGING_H_
#define LORA_SERVER_LOGGING_H_

#include <string>

namespace lora {

// Sets the process's log: one line an event, on stderr. Messages are written
// as key=value pairs; "json" wraps each line in an object.
//
// `level`: debug, info, warn or error. `format`: text or json.
void SetUpLogging(const std::string& level, const std::string& format);

}  // namespace lora

#endif  // LORA_SERVER_LOGGING_H_
