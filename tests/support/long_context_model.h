// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_LONG_CONTEXT_MODEL_H_
#define LORA_TESTS_SUPPORT_LONG_CONTEXT_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "lora/v1/generation_service.pb.h"

namespace lora {

// A folder that goes when the object does.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The skills base with a context so long that a request which ignores end
// tokens runs until the test ends it: what it says is of no interest, that it
// is in flight is.
class LongContextModel {
 public:
  LongContextModel();

  std::string path() const { return folder_.path().string(); }

 private:
  TemporaryFolder folder_;
};

// A request for exactly `num_tokens` tokens of `adapter`; "": of the base.
v1::GenerateRequest AskForTokens(int32_t num_tokens,
                                 const std::string& adapter = "");
// A request that runs for longer than any test.
v1::GenerateRequest AskForever(const std::string& adapter = "");

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_LONG_CONTEXT_MODEL_H_
