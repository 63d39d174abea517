// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_TENSORFILE_SAFETENSORS_TEST_UTIL_H_
#define LORA_TESTS_UNIT_TENSORFILE_SAFETENSORS_TEST_UTIL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace lora {

// A file with the header `json`, unpadded, and `data_bytes` zero bytes.
inline std::string FileOf(absl::string_view json, size_t data_bytes = 0) {
  std::string file;
  for (int i = 0; i < 8; ++i) {
    file.push_back(static_cast<char>(uint64_t{json.size()} >> (8 * i)));
  }
  file.append(json.data(), json.size());
  file.append(data_bytes, '\0');
  return file;
}

}  // namespace lora

#endif  // LORA_TESTS_UNIT_TENSORFILE_SAFETENSORS_TEST_UTIL_H_
