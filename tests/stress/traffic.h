// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_STRESS_TRAFFIC_H_
#define LORA_TESTS_STRESS_TRAFFIC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "tests/stress/adapter_history.h"
#include "tests/stress/long_prompts.h"
#include "tests/stress/tally.h"

namespace lora {

// The adapters of a stress run.
struct StressAdapters {
  // Their content changes all the time.
  std::vector<std::string> changing;
  // Always loaded, both with the content `twin_skill`.
  std::vector<std::string> twins;
  std::string twin_skill;
  // Skill by the digest of its content.
  absl::flat_hash_map<std::string, std::string> skill_of;
};

// A small generator of random numbers, the same on every machine.
class StressRandom {
 public:
  explicit StressRandom(uint64_t seed) : state_(seed) {}

  // In [0, limit).
  uint64_t Below(uint64_t limit);
  bool Chance(uint64_t percent) { return Below(100) < percent; }
  const std::string& Pick(const std::vector<std::string>& values) {
    return values[Below(values.size())];
  }

 private:
  uint64_t state_;
};

// A client that asks one random thing after the other and checks all that it
// hears: an answer against the content that, by its digest, gave it; the
// beginning of one that was cut off against what may have given it; a refusal
// against what was done to its adapters meanwhile.
class Traffic {
 public:
  // All must outlive the object.
  struct Parts {
    Client& client;
    const StressAdapters& adapters;
    const LongPrompts& long_prompts;
    const AdapterHistory& history;
    Tally& tally;
  };

  Traffic(const Parts& parts, uint64_t seed) : parts_(parts), random_(seed) {}

  // Until the tally is done.
  void Run();

 private:
  struct Question {
    std::string word;         // Of the example, or
    std::string long_prompt;  // if not empty.
    v1::GenerateRequest request;
    absl::Time asked;
  };

  Question MakeQuestion();
  void AskWhole(const Question& question);
  // Ends the request after so many messages, or with its deadline.
  void AskForPart(const Question& question, uint64_t num_messages,
                  absl::Duration timeout);
  void Check(const Question& question, const v1::GenerateResponse& answer);
  // `text` is how the answer to `question` begins.
  void CheckBeginning(const Question& question, const std::string& text);
  void CheckRefusal(const Question& question, const absl::Status& status);
  // The skill that gave `answer`, "" for the base. An error if, at that time,
  // it may not have.
  absl::StatusOr<std::string> SkillBehind(
      const Question& question, const v1::GenerateResponse& answer) const;
  // Those that may have given an answer which says nothing about it.
  std::vector<std::string> SkillsAllowed(const Question& question) const;
  const std::string& RightAnswer(const Question& question,
                                 const std::string& skill,
                                 v1::ExecutionPath path) const;

  const Parts parts_;
  StressRandom random_;
};

}  // namespace lora

#endif  // LORA_TESTS_STRESS_TRAFFIC_H_
