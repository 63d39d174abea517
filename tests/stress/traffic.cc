// SPDX-License-Identifier: Apache-2.0
#include "tests/stress/traffic.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/status.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

constexpr uint64_t kPercentLong = 20;
constexpr uint64_t kPercentBase = 10;
constexpr uint64_t kPercentTwins = 15;
constexpr uint64_t kPercentWeightless = 15;
constexpr uint64_t kPercentStopped = 5;
constexpr uint64_t kPercentDeadline = 5;
constexpr uint64_t kMaxDeadlineMicros = 10'000;
constexpr uint64_t kMaxMessages = 4;
constexpr uint64_t kAllMessages = std::numeric_limits<uint64_t>::max();

bool Is(const absl::Status& status, absl::StatusCode code,
        absl::string_view reason) {
  return status.code() == code && ReasonOf(status) == reason;
}

// The adapter is not there, goes, or went by force.
bool SaysAdapterIsGone(const absl::Status& status) {
  return Is(status, absl::StatusCode::kNotFound, "ADAPTER") ||
         Is(status, absl::StatusCode::kFailedPrecondition, "STATE") ||
         Is(status, absl::StatusCode::kAborted, "ABORTED");
}

// gRPC's own word for it, or the server's.
bool SaysDeadlinePassed(const absl::Status& status) {
  return Is(status, absl::StatusCode::kDeadlineExceeded, "") ||
         Is(status, absl::StatusCode::kDeadlineExceeded, "QUEUE");
}

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
      AskForPart(question, 1 + random_.Below(kMaxMessages),
                 absl::InfiniteDuration());
    } else if (random_.Chance(kPercentDeadline)) {
      AskForPart(question, kAllMessages,
                 absl::Microseconds(1 + random_.Below(kMaxDeadlineMicros)));
    } else {
      AskWhole(question);
    }
  }
}

Traffic::Question Traffic::MakeQuestion() {
  const StressAdapters& adapters = parts_.adapters;
  Question question{.word = random_.Pick(Skills::Get().words())};
  const bool is_long = random_.Chance(kPercentLong);
  if (random_.Chance(kPercentBase)) {
    question.request = Ask(question.word);
  } else if (!is_long && random_.Chance(kPercentTwins)) {
    question.request = Ask(question.word, adapters.twins);
    const float weight = 0.25F * static_cast<float>(1 + random_.Below(3));
    question.request.mutable_adapters(0)->set_weight(weight);
    question.request.mutable_adapters(1)->set_weight(1 - weight);
  } else {
    question.request = Ask(question.word, random_.Pick(adapters.changing));
    if (!is_long && random_.Chance(kPercentWeightless)) {
      v1::AdapterWeight& other = *question.request.add_adapters();
      other.set_adapter_id(random_.Pick(adapters.twins));
      other.set_weight(0);
    }
  }
  if (is_long) {
    question.long_prompt = random_.Pick(parts_.long_prompts.texts());
    SetLongPrompt(question.long_prompt, question.request);
  }
  constexpr v1::ExecutionPath kPaths[] = {v1::UNMERGED, v1::UNMERGED, v1::AUTO,
                                          v1::MERGED};
  question.request.set_path(kPaths[random_.Below(std::size(kPaths))]);
  question.asked = absl::Now();
  return question;
}

void Traffic::AskWhole(const Question& question) {
  const auto answer = parts_.client.GenerateText(question.request);
  if (answer.ok()) {
    Check(question, *answer);
  } else {
    CheckRefusal(question, answer.status());
  }
}

void Traffic::AskForPart(const Question& question, uint64_t num_messages,
                         absl::Duration timeout) {
  std::string text;
  v1::GenerateResponse last;
  const absl::Status status = parts_.client.Generate(
      question.request,
      [&](const v1::GenerateResponse& message) {
        text += message.text();
        last = message;
        return --num_messages == 0 ? StreamAction::kStop
                                   : StreamAction::kContinue;
      },
      {.timeout = timeout});
  if (last.has_provenance()) {
    last.set_text(text);
    Check(question, last);
    return;
  }
  CheckBeginning(question, text);
  if (status.ok()) {
    parts_.tally.CountOperation("stop a stream");
  } else if (timeout < absl::InfiniteDuration() && SaysDeadlinePassed(status)) {
    parts_.tally.CountRefused(status);
  } else {
    CheckRefusal(question, status);
  }
}

void Traffic::Check(const Question& question,
                    const v1::GenerateResponse& answer) {
  const absl::StatusOr<std::string> skill = SkillBehind(question, answer);
  if (skill.ok() && answer.text() == RightAnswer(question, *skill,
                                                 answer.provenance().path())) {
    parts_.tally.CountRight(answer.usage().cached_tokens());
    return;
  }
  parts_.tally.CountWrong(absl::StrCat(
      "'", answer.text(), "' to ", question.request.ShortDebugString(),
      " came from ", answer.provenance().ShortDebugString(), ": ",
      skill.ok() ? *skill : std::string(skill.status().message())));
}

void Traffic::CheckBeginning(const Question& question,
                             const std::string& text) {
  if (text.empty()) return;
  for (const std::string& skill : SkillsAllowed(question)) {
    for (const v1::ExecutionPath path : {v1::UNMERGED, v1::MERGED}) {
      if (absl::StartsWith(RightAnswer(question, skill, path), text)) return;
    }
  }
  parts_.tally.CountWrong(absl::StrCat(
      "no answer to ", question.request.ShortDebugString(), " begins '", text,
      "'; may have come from ", absl::StrJoin(SkillsAllowed(question), ", ")));
}

void Traffic::CheckRefusal(const Question& question,
                           const absl::Status& status) {
  const absl::Time now = absl::Now();
  const auto& used = question.request.adapters();
  if (SaysAdapterIsGone(status) &&
      std::any_of(used.begin(), used.end(), [&](const auto& adapter) {
        return parts_.history.MayRefuse(adapter.adapter_id(), question.asked,
                                        now);
      })) {
    parts_.tally.CountRefused(status);
    return;
  }
  parts_.tally.CountWrong(absl::StrCat(question.request.ShortDebugString(),
                                       " ended with ", status.ToString()));
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
    const std::vector<std::string> allowed =
        parts_.history.SkillsOf(adapter.adapter_id(), question.asked, now);
    if (!absl::c_linear_search(allowed, skill->second)) {
      return absl::InternalError(
          absl::StrCat(adapter.adapter_id(), " was not ", skill->second));
    }
    if (adapter.weight() != 0) result = skill->second;
  }
  return result;
}

std::vector<std::string> Traffic::SkillsAllowed(
    const Question& question) const {
  for (const v1::AdapterWeight& adapter : question.request.adapters()) {
    if (adapter.has_weight() && adapter.weight() == 0) continue;
    return parts_.history.SkillsOf(adapter.adapter_id(), question.asked,
                                   absl::Now());
  }
  return {""};
}

const std::string& Traffic::RightAnswer(const Question& question,
                                        const std::string& skill,
                                        v1::ExecutionPath path) const {
  return question.long_prompt.empty()
             ? Skills::Get().Answer(question.word, skill)
             : parts_.long_prompts.Answer(question.long_prompt, skill, path);
}

}  // namespace lora
