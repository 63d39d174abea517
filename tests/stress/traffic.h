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

// A client that asks one random thing after the other and checks every answer
// against the content that, by its digest, gave it.
class Traffic {
 public:
  // All must outlive the object.
  struct Parts {
    Client& client;
    const StressAdapters& adapters;
    const AdapterHistory& history;
    Tally& tally;
  };

  Traffic(const Parts& parts, uint64_t seed) : parts_(parts), random_(seed) {}

  // Until the tally is done.
  void Run();

 private:
  struct Question {
    std::string word;
    v1::GenerateRequest request;
    absl::Time asked;
  };

  Question MakeQuestion();
  void AskWhole(const Question& question, const CallOptions& options);
  void AskAndStop(const Question& question);
  void Check(const Question& question, const v1::GenerateResponse& answer);
  // The skill that gave `answer`, "" for the base. An error if, at that time,
  // it may not have.
  absl::StatusOr<std::string> SkillBehind(
      const Question& question, const v1::GenerateResponse& answer) const;

  const Parts parts_;
  StressRandom random_;
};

}  // namespace lora

#endif  // LORA_TESTS_STRESS_TRAFFIC_H_
