// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_FILE_H_
#define LORA_SERVER_BASE_FILE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora {

// Judges an open file by where it really is, every link followed: what a path
// led to when it was looked at may have been replaced when it was opened.
// Empty: any file will do.
using OpenedFileCheck =
    std::function<absl::Status(const std::string& real_path)>;

// Applies `check` to an open file or folder.
//
// What `check` says. PERMISSION_DENIED (PATH): it cannot be told where it is.
absl::Status CheckOpenedFile(int fd, const OpenedFileCheck& check);

// What `error`, the errno of a failed call, says about `path`; `verb` is what
// was tried, as in "open".
//
// NOT_FOUND (PATH): nothing is there. PERMISSION_DENIED (PATH): it is not for
// this process, or its links lead nowhere. UNAVAILABLE (SOURCE_UNREACHABLE):
// anything else (a failing disk, no descriptors left): it says nothing about
// the file, and another try may do.
absl::Status ErrnoStatus(int error, const std::string& path,
                         absl::string_view verb);

// Reads a whole regular file with pread, so that a file that shrinks while it
// is read is an error and never a fault.
//
// NOT_FOUND (PATH): no such file. PERMISSION_DENIED (PATH): not readable, or
// not a regular file (FIFO, device, directory). RESOURCE_EXHAUSTED (QUOTA):
// larger than `max_bytes`. DATA_LOSS (ST_LENGTH): it became shorter while it
// was read. UNAVAILABLE (SOURCE_UNREACHABLE): it cannot be read now; see
// ErrnoStatus. What `check` says.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes,
                                     const OpenedFileCheck& check = nullptr);

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
