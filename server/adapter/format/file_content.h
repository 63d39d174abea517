// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_FILE_CONTENT_H_
#define LORA_SERVER_ADAPTER_FORMAT_FILE_CONTENT_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lora {

// How much of a file's start CheckFirstBytes looks at.
inline constexpr size_t kFirstBytes = 512;

// Refuses content that is known not to be safetensors, whatever the file is
// called. `head`: the first kFirstBytes of the file, or all of it.
//
// INVALID_ARGUMENT: PICKLE_REFUSED: a zip, pickle or tar archive, whose loading
// runs code; LFS_POINTER: the pointer that Git LFS leaves in place of a file.
// UNIMPLEMENTED (FEATURE): GGUF, HDF5.
absl::Status CheckFirstBytes(absl::string_view head);

// Whether a file that starts with `head` is what Git LFS leaves in place of
// another.
bool IsLfsPointer(absl::string_view head);

// Whether a file's name is one that weights have as a pickle (".bin", ".pt",
// ...); what trainers keep beside the weights does not count.
bool HasPickleName(absl::string_view name);

// PICKLE_REFUSED, saying what to do.
absl::Status PickleRefused(absl::string_view what);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_FILE_CONTENT_H_
