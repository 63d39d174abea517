// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_PRINTABLE_H_
#define LORA_SERVER_RPC_PRINTABLE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace lora {

// `text` as a protobuf string may hold it: bytes that are not UTF-8 (a file's
// name may have any) become '?'. Of what is longer than `max_bytes` the middle
// becomes "...": a message says what to do at its end, whatever long name it
// quotes before.
std::string Printable(absl::string_view text, size_t max_bytes);

}  // namespace lora

#endif  // LORA_SERVER_RPC_PRINTABLE_H_
