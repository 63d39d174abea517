// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/weights_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status OpenError(int error, const std::string& path) {
  absl::Status status = ErrnoStatus(error, path, "open");
  if (!absl::IsNotFound(status)) return status;
  return Error(absl::StatusCode::kNotFound, ErrorReason::kWeightsMissing,
               "there is no such file");
}

absl::Status ReadError(int error) {
  return Error(absl::StatusCode::kUnavailable, ErrorReason::kSourceUnreachable,
               absl::StrCat("cannot be read: ", std::strerror(error)));
}

absl::Status Changed() {
  return Error(absl::StatusCode::kDataLoss, ErrorReason::kStLength,
               "the file changed while it was read; write adapters to a new "
               "folder and load them when they are complete");
}

}  // namespace

absl::StatusOr<WeightsFile> WeightsFile::Open(const std::string& path,
                                              int64_t max_bytes,
                                              const OpenedFileCheck& check) {
  // O_NONBLOCK: opening a FIFO without a writer must not hang.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return OpenError(errno, path);
  WeightsFile file(fd, 0);
  LORA_RETURN_IF_ERROR(CheckOpenedFile(fd, check));
  struct stat info;
  if (::fstat(fd, &info) != 0) return OpenError(errno, path);
  if (!S_ISREG(info.st_mode)) {
    return Error(absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
                 "is not a regular file");
  }
  file.size_ = info.st_size;
  if (file.size_ > max_bytes) {
    return Error(
        absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
        absl::StrCat("is ", file.size_,
                     " bytes long; the limit for one adapter is ", max_bytes));
  }
  return file;
}

WeightsFile::WeightsFile(WeightsFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

WeightsFile::~WeightsFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status WeightsFile::ReadUpTo(int64_t end, std::string& out) const {
  size_t offset = out.size();
  out.resize(static_cast<size_t>(end));
  while (offset < out.size()) {
    const ssize_t n = ::pread(fd_, out.data() + offset, out.size() - offset,
                              static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ReadError(errno);
    if (n == 0) return Changed();
    offset += static_cast<size_t>(n);
  }
  if (end < size_) return absl::OkStatus();
  struct stat info;
  if (::fstat(fd_, &info) != 0) return ReadError(errno);
  if (info.st_size != size_) return Changed();
  return absl::OkStatus();
}

}  // namespace lora
