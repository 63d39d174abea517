// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_WEIGHTS_FILE_H_
#define LORA_SERVER_ADAPTER_FORMAT_WEIGHTS_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/file.h"

namespace lora {

// A weights file that is read piece by piece, so that its header is judged
// before its data is read, and a long read can be stopped. Move-only; closes
// the file when destroyed. Not thread-safe.
class WeightsFile {
 public:
  // NOT_FOUND (WEIGHTS_MISSING). PERMISSION_DENIED (PATH): not readable, or not
  // a regular file. UNAVAILABLE (SOURCE_UNREACHABLE): it cannot be opened now.
  // RESOURCE_EXHAUSTED (QUOTA): longer than `max_bytes`. What `check` says.
  static absl::StatusOr<WeightsFile> Open(
      const std::string& path, int64_t max_bytes,
      const OpenedFileCheck& check = nullptr);

  WeightsFile(WeightsFile&& other) noexcept;
  WeightsFile& operator=(WeightsFile&&) = delete;
  ~WeightsFile();

  // Length when it was opened.
  int64_t size() const { return size_; }

  // Appends the bytes [out.size(), end) to `out`, which holds those before.
  //
  // DATA_LOSS: the file is not `size()` bytes long any more. UNAVAILABLE
  // (SOURCE_UNREACHABLE): it cannot be read now.
  absl::Status ReadUpTo(int64_t end, std::string& out) const;

 private:
  WeightsFile(int fd, int64_t size) : fd_(fd), size_(size) {}

  int fd_;
  int64_t size_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_WEIGHTS_FILE_H_
