// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_ADAPTER_FILES_H_
#define LORA_SERVER_ADAPTER_FORMAT_ADAPTER_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/base/file.h"

namespace lora {

inline constexpr char kPeftWeightsFile[] = "adapter_model.safetensors";

// The files of an adapter: a config and weights for PEFT, weights alone for
// single-file formats.
struct AdapterFiles {
  std::string directory;
  std::string config;   // A name in `directory`; empty: none.
  std::string weights;  // A name in `directory`.
};

// Finds the files of the adapter at `path`: a directory, or a single
// *.safetensors file. Reads no content.
//
// NOT_FOUND: ADAPTER_FILES_MISSING: no config and no single safetensors file;
// WEIGHTS_MISSING: a config without weights. INVALID_ARGUMENT (PICKLE_REFUSED):
// the only weights have a pickle's name. PERMISSION_DENIED (PATH): it may not
// be listed. UNAVAILABLE (SOURCE_UNREACHABLE): it cannot be listed now. What
// `check` says of the directory.
absl::StatusOr<AdapterFiles> FindAdapterFiles(
    const std::string& path, const OpenedFileCheck& check = nullptr);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_ADAPTER_FILES_H_
