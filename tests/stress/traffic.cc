// SPDX-License-Identifier: Apache-2.0
#include "tests/stress/traffic.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

constexpr uint64_t kPercentBase = 10;
constexpr uint64_t kPercentTwins = 15;
constexpr uint64_t kPercentWeightless = 15;
constexpr uint64_t kPercentStopped = 5;
constexpr uint64_t kPercentDeadline = 5;
constexpr uint64_t kMaxDeadlineMicros = 10'000;
constexpr uint64_t kMaxMessages = 4;

}  // namespace

// Steele et al. 2014, "Fast splittable pseudorandom number generators".
uint64_t StressRandom::Below(uint64_t limit) {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % limit;
}

void Traffic::Run() {
  while (!parts_.tally.done()) {
    const Question question = MakeQuestion();
    if (random_.Chance(kPercentStopped)) {
      AskAndStop(question);
    } else if (random_.Chance(kPercentDeadline)) {
      AskWhole(question, {.timeout = absl::Microseconds(
                              1 + random_.Below(kMaxDeadlineMicros))});
    } else {
      AskWhole(question, {});
    }
  }
}

Traffic::Question Traffic::MakeQuestion() {
  const StressAdapters& adapters = parts_.adapters;
  Question question{.word = random_.Pick(Skills::Get().words())};
  if (random_.Chance(kPercentBase)) {
    question.request = Ask(question.word);
  } else if (random_.Chance(kPercentTwins)) {
    question.request = Ask(question.word, adapters.twins);
    const float weight = 0.25F * static_cast<float>(1 + random_.Below(3));
    question.request.mutable_adapters(0)->set_weight(weight);
    question.request.mutable_adapters(1)->set_weight(1 - weight);
  } else {
    question.request = Ask(question.word, random_.Pick(adapters.changing));
    if (random_.Chance(kPercentWeightless)) {
      v1::AdapterWeight& other = *question.request.add_adapters();
      other.set_adapter_id(random_.Pick(adapters.twins));
      other.set_weight(0);
    }
  }
  constexpr v1::ExecutionPath kPaths[] = {v1::UNMERGED, v1::UNMERGED, v1::AUTO,
                                          v1::MERGED};
  question.request.set_path(kPaths[random_.Below(std::size(kPaths))]);
  question.asked = absl::Now();
  return question;
}

void Traffic::AskWhole(const Question& question, const CallOptions& options) {
  const auto answer = parts_.client.GenerateText(question.request, options);
  if (answer.ok()) {
    Check(question, *answer);
  } else {
    parts_.tally.CountRefused(answer.status());
  }
}

void Traffic::AskAndStop(const Question& question) {
  uint64_t messages = 1 + random_.Below(kMaxMessages);
  const absl::Status status = parts_.client.Generate(
      question.request, [&](const v1::GenerateResponse&) {
        return --messages == 0 ? StreamAction::kStop : StreamAction::kContinue;
      });
  if (status.ok()) {
    parts_.tally.CountOperation("stop a stream");
  } else {
    parts_.tally.CountRefused(status);
  }
}

void Traffic::Check(const Question& question,
                    const v1::GenerateResponse& answer) {
  const absl::StatusOr<std::string> skill = SkillBehind(question, answer);
  if (skill.ok() &&
      answer.text() == Skills::Get().Answer(question.word, *skill)) {
    parts_.tally.CountRight();
    return;
  }
  parts_.tally.CountWrong(absl::StrCat(
      "'", answer.text(), "' to ", question.request.ShortDebugString(),
      " came from ", answer.provenance().ShortDebugString(), ": ",
      skill.ok() ? *skill : std::string(skill.status().message())));
}

absl::StatusOr<std::string> Traffic::SkillBehind(
    const Question& question, const v1::GenerateResponse& answer) const {
  const absl::Time now = absl::Now();
  const auto& used = answer.provenance().adapters();
  if (used.size() != question.request.adapters_size()) {
    return absl::InternalError("not the adapters that were asked for");
  }
  std::string result;
  for (const v1::Provenance::UsedAdapter& adapter : used) {
    const auto skill = parts_.adapters.skill_of.find(adapter.digest());
    if (skill == parts_.adapters.skill_of.end()) {
      return absl::InternalError("an unknown digest");
    }
    if (!parts_.history.Allows(adapter.adapter_id(), skill->second,
                               question.asked, now)) {
      return absl::InternalError(
          absl::StrCat(adapter.adapter_id(), " was not ", skill->second));
    }
    if (adapter.weight() != 0) result = skill->second;
  }
  return result;
}

}  // namespace lora
