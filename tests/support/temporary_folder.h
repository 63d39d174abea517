// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
#define LORA_TESTS_SUPPORT_TEMPORARY_FOLDER_H_

#include <filesystem>
#include <string>

#include "absl/strings/string_view.h"

namespace lora {

// A folder that goes when the object does. Its name is no other test's.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string string() const { return path_.string(); }

  // Writes `text` to the file `name`, which may be in folders of its own, and
  // returns its path. Ends the process if it cannot.
  std::string Write(absl::string_view name, absl::string_view text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
