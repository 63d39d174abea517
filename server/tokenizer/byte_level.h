// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_BYTE_LEVEL_H_
#define LORA_SERVER_TOKENIZER_BYTE_LEVEL_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace lora {

// The alphabet of byte-level BPE: every byte is one printable character. Bytes
// 33-126, 161-172 and 174-255 are themselves, the others U+0100 and up.

// The characters of the bytes of `text`.
std::string ToByteLevel(absl::string_view text);

// The bytes that `token`, valid UTF-8, stands for; nullopt when one of its
// characters is outside the alphabet.
std::optional<std::string> FromByteLevel(absl::string_view token);

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_BYTE_LEVEL_H_
