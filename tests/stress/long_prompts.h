// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_STRESS_LONG_PROMPTS_H_
#define LORA_TESTS_STRESS_LONG_PROMPTS_H_

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "client/client.h"

namespace lora {

// Prompts of many KV blocks that begin alike, and what an idle server answers
// to them, which is what a busy one must answer too: to the bit, for a given
// path. Thread-safe.
class LongPrompts {
 public:
  // Has `client`'s server, on which nobody else works, answer all prompts with
  // the base and with each skill. Nothing stays loaded.
  static absl::StatusOr<LongPrompts> Ask(Client& client);

  const std::vector<std::string>& texts() const { return texts_; }
  // What `skill` ("": the base) on `path` answers to a prompt.
  const std::string& Answer(const std::string& text, const std::string& skill,
                            v1::ExecutionPath path) const {
    return answers_.at({text, skill, path});
  }

 private:
  LongPrompts();

  absl::Status AskSkill(Client& client, const std::string& skill);

  std::vector<std::string> texts_;
  std::map<std::tuple<std::string, std::string, v1::ExecutionPath>, std::string>
      answers_;
};

// Makes `request`, for any adapter, ask one of the prompts.
void SetLongPrompt(const std::string& text, v1::GenerateRequest& request);

}  // namespace lora

#endif  // LORA_TESTS_STRESS_LONG_PROMPTS_H_
