// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_LONG_CONTEXT_MODEL_H_
#define LORA_TESTS_SUPPORT_LONG_CONTEXT_MODEL_H_

#include <cstdint>
#include <string>

#include "lora/v1/generation_service.pb.h"
#include "tests/support/temporary_folder.h"

namespace lora {

// The skills base with a context so long that a request which ignores end
// tokens runs until the test ends it: what it says is of no interest, that it
// is in flight is.
class LongContextModel {
 public:
  LongContextModel();

  std::string path() const { return folder_.string(); }

 private:
  TemporaryFolder folder_;
};

// A request for exactly `num_tokens` tokens of `adapter` ("": of the base), for
// which the adapter itself is on the device, and no merged copy.
v1::GenerateRequest AskForTokens(int32_t num_tokens,
                                 const std::string& adapter = "");
// A request that runs for longer than any test.
v1::GenerateRequest AskForever(const std::string& adapter = "");

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_LONG_CONTEXT_MODEL_H_
