// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_ADAPTER_DIGEST_H_
#define LORA_SERVER_ADAPTER_FORMAT_ADAPTER_DIGEST_H_

#include <cstdint>
#include <string>
#include <vector>

namespace lora {

// One file that affects an adapter's results.
struct DigestedFile {
  std::string name;    // Within the adapter's directory.
  int64_t length = 0;  // In bytes.
  std::string sha256;  // Of its bytes, lower-case hex.
};

// AdapterKey::digest: the SHA-256 of the lines "name length sha256\n" of
// `files`, sorted by name. The order of `files` does not matter.
std::string AdapterDigest(std::vector<DigestedFile> files);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_ADAPTER_DIGEST_H_
