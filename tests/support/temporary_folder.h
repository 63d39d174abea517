// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
#define LORA_TESTS_SUPPORT_TEMPORARY_FOLDER_H_

#include <filesystem>
#include <string>

namespace lora {

// A folder that goes when the object does.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string string() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
