// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_FILE_H_
#define LORA_SERVER_BASE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora {

// Reads a whole regular file with pread, so that a file that shrinks while it
// is read is an error and never a fault.
//
// NOT_FOUND: no such file. PERMISSION_DENIED (PATH): not readable, or not a
// regular file (FIFO, device, directory). RESOURCE_EXHAUSTED (QUOTA): larger
// than `max_bytes`. DATA_LOSS: it changed length while being read.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t max_bytes);

// Writes `bytes` to a temporary file beside `path`, syncs it and renames it
// into place: a crash leaves the old content or the new, never a part.
absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view bytes);

// A read-only private mapping of a whole file. Move-only; unmaps when
// destroyed. For files that nobody rewrites (base weights): a file truncated
// while it is mapped faults on access.
class MappedFile {
 public:
  // Errors as ReadFile, without a size limit.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  absl::string_view bytes() const {
    return {static_cast<const char*>(data_), size_};
  }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_FILE_H_
