// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_NAMED_ADAPTERS_H_
#define LORA_SERVER_NAMED_ADAPTERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/config.h"

namespace lora {

// An adapter that the command line names.
struct NamedAdapter {
  AdapterId id;
  std::string source;
  std::string flag;  // Which flag named it, for messages.
};

// The adapters of each --adapter, in order, then those below each
// --adapter-dir, by id: every folder there that holds an adapter_config.json.
//
// INVALID_ARGUMENT (PARAM): two of them have one id. FAILED_PRECONDITION
// (PATH): a folder cannot be looked into.
absl::StatusOr<std::vector<NamedAdapter>> AdaptersNamedAtStart(
    const Config& config);

}  // namespace lora

#endif  // LORA_SERVER_NAMED_ADAPTERS_H_
