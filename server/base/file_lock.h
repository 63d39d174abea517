// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_FILE_LOCK_H_
#define LORA_SERVER_BASE_FILE_LOCK_H_

#include <string>

#include "absl/status/statusor.h"

namespace lora {

// Holds a file for as long as it lives, against every other holder on this
// machine; the system lets go of it when the process dies, however it does.
// Move-only.
class FileLock {
 public:
  // Makes the file if it is not there; never waits.
  //
  // ALREADY_EXISTS (PATH): somebody else holds it. As ErrnoStatus: it cannot be
  // made, or its file system has no locks.
  static absl::StatusOr<FileLock> TryAcquire(const std::string& path);

  FileLock() = default;  // Holds nothing.
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}

  int fd_ = -1;
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_FILE_LOCK_H_
