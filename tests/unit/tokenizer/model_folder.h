// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_TOKENIZER_MODEL_FOLDER_H_
#define LORA_TESTS_UNIT_TOKENIZER_MODEL_FOLDER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/base/json.h"

namespace lora {

// A folder of files for one test; removed with the object.
class ModelFolder {
 public:
  ModelFolder();
  ~ModelFolder();
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  void Write(absl::string_view name, absl::string_view content) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The text of a file of tests/golden/tokenizer; the test fails if it is not
// there.
std::string ReadGoldenText(absl::string_view name);
// The same, parsed.
Json ReadGoldenJson(absl::string_view name);

}  // namespace lora

#endif  // LORA_TESTS_UNIT_TOKENIZER_MODEL_FOLDER_H_
