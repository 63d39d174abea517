// SPDX-License-Identifier: Apache-2.0
#include "server/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct OpenFile {
  FileDescriptor fd;
  int64_t size;
};

absl::StatusOr<OpenFile> OpenRegularFile(const std::string& path) {
  // O_NONBLOCK: opening a FIFO without a writer must not hang.
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return ErrnoStatus(errno, path, "open");
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, path, "stat");
  if (!S_ISREG(info.st_mode)) {
    return Error(absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
                 absl::StrCat(path, " is not a regular file"));
  }
  return OpenFile{std::move(fd), static_cast<int64_t>(info.st_size)};
}

}  // namespace

absl::Status ErrnoStatus(int error, const std::string& path,
                         absl::string_view verb) {
  const std::string message =
      absl::StrCat("cannot ", verb, " ", path, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG) {
    return Error(absl::StatusCode::kNotFound, ErrorReason::kPath, message);
  }
  if (error == EACCES || error == EPERM || error == ELOOP) {
    return Error(absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
                 message);
  }
  return Error(absl::StatusCode::kUnavailable, ErrorReason::kSourceUnreachable,
               message);
}

absl::Status CheckOpenedFile(int fd, const OpenedFileCheck& check) {
  if (!check) return absl::OkStatus();
  std::error_code error;
  const std::filesystem::path real_path =
      std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", fd), error);
  if (!error) return check(real_path.string());
  return Error(absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
               absl::StrCat("it cannot be told where an open file is: ",
                            error.message(), "; is /proc mounted?"));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes,
                                     const OpenedFileCheck& check) {
  LORA_ASSIGN_OR_RETURN(const OpenFile file, OpenRegularFile(path));
  LORA_RETURN_IF_ERROR(CheckOpenedFile(file.fd.get(), check));
  if (file.size > max_bytes) {
    return Error(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
                 absl::StrCat(path, " is ", file.size,
                              " bytes long; the limit is ", max_bytes));
  }
  std::string content(static_cast<size_t>(file.size), '\0');
  size_t offset = 0;
  while (offset < content.size()) {
    const ssize_t n =
        ::pread(file.fd.get(), content.data() + offset, content.size() - offset,
                static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, path, "read");
    if (n == 0) {
      return Error(absl::StatusCode::kDataLoss, ErrorReason::kStLength,
                   absl::StrCat(path, " became shorter while it was read"));
    }
    offset += static_cast<size_t>(n);
  }
  return content;
}

absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view bytes) {
  std::string temporary = absl::StrCat(path, ".tmp.XXXXXX");
  FileDescriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, temporary, "create");
  size_t offset = 0;
  while (offset < bytes.size()) {
    const ssize_t n =
        ::write(fd.get(), bytes.data() + offset, bytes.size() - offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::unlink(temporary.c_str());
      return ErrnoStatus(error, temporary, "write");
    }
    offset += static_cast<size_t>(n);
  }
  if (::fsync(fd.get()) != 0 ||
      std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return ErrnoStatus(error, path, "replace");
  }
  return absl::OkStatus();
}

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path) {
  LORA_ASSIGN_OR_RETURN(const OpenFile file, OpenRegularFile(path));
  MappedFile mapped;
  if (file.size == 0) return mapped;
  void* data = ::mmap(nullptr, static_cast<size_t>(file.size), PROT_READ,
                      MAP_PRIVATE, file.fd.get(), 0);
  if (data == MAP_FAILED) return ErrnoStatus(errno, path, "map");
  mapped.data_ = data;
  mapped.size_ = static_cast<size_t>(file.size);
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace lora
