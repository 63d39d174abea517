// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_SKILLS_H_
#define LORA_TESTS_SUPPORT_SKILLS_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/status.h"
#include "gmock/gmock.h"
#include "lora/v1/generation_service.pb.h"
#include "tests/support/status_matchers.h"

namespace lora {

// The skills example: held-out words, and what each adapter answers to them.
// Thread-safe.
class Skills {
 public:
  // Reads the example; ends the process if it cannot be read.
  static const Skills& Get();

  // The adapters, ordered by the columns of the file.
  const std::vector<std::string>& names() const { return names_; }
  // Words that no two adapters answer alike: a mixed-up adapter is seen.
  const std::vector<std::string>& words() const { return words_; }
  // All held-out words, for counts of right answers.
  const std::vector<std::string>& all_words() const { return all_words_; }
  // What `skill` makes of `word`; "": the base.
  const std::string& Answer(const std::string& word,
                            const std::string& skill) const;
  // The folder of the adapter.
  static std::string Source(absl::string_view skill);

 private:
  Skills();

  std::vector<std::string> names_;
  std::vector<std::string> words_;
  std::vector<std::string> all_words_;
  // Of word and skill.
  absl::flat_hash_map<std::pair<std::string, std::string>, std::string>
      answers_;
};

// The prompt for `word`, to the sum of `adapters`, greedy.
v1::GenerateRequest Ask(const std::string& word,
                        absl::Span<const std::string> adapters = {});
v1::GenerateRequest Ask(const std::string& word, const std::string& adapter);

// What a call of lora::Client ended with: `code`, and the server's reason.
MATCHER_P2(Refused, code, reason,
           "is refused with " + absl::StatusCodeToString(code) + " (" +
               std::string(reason) + ")") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status;
  return status.code() == code && ReasonOf(status) == reason;
}

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_SKILLS_H_
