// SPDX-License-Identifier: Apache-2.0
// How well the example's adapters do on this server, on words that they have
// not seen: the table of examples/skills/README.md. LORA_SKILLS_WORDS asks for
// fewer, where the server is slow.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

using ::testing::Ge;

constexpr int kMaxWords = 1000;
constexpr double kLeastExact = 0.995;
constexpr int kInFlight = 48;

int NumWords() {
  const char* text = std::getenv("LORA_SKILLS_WORDS");
  int words = kMaxWords;
  if (text == nullptr) return words;
  if (!absl::SimpleAtoi(text, &words) || words < 1 || words > kMaxWords) {
    std::abort();
  }
  return words;
}

// For every type that the forward pass computes in.
class SkillsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ASSERT_EQ(Skills::Get().all_words().size(), kMaxWords);
    ASSERT_OK_AND_ASSIGN(
        server_, ServerProcess::Start({.flags = {"--dtype", GetParam()}}));
    for (const std::string& skill : Skills::Get().names()) {
      ASSERT_OK(server_->client().LoadAdapter(LoadRequest(skill, skill)));
    }
  }

  // Asks each of `skills` ("": the base) for every word, all skills in each
  // batch. How many answers were exact, by skill.
  std::map<std::string, int> CountExact(const std::vector<std::string>& skills,
                                        v1::ExecutionPath path) {
    std::atomic<size_t> next = 0;
    std::vector<std::atomic<int>> exact(skills.size());
    const auto ask = [&] {
      for (size_t i = 0; (i = next++) < num_words_ * skills.size();) {
        const size_t skill = i % skills.size();
        exact[skill] += AnswersExactly(
            Skills::Get().all_words()[i / skills.size()], skills[skill], path);
      }
    };
    std::vector<std::thread> threads;
    threads.reserve(kInFlight);
    for (int i = 0; i < kInFlight; ++i) threads.emplace_back(ask);
    for (std::thread& thread : threads) thread.join();
    std::map<std::string, int> counts;
    for (size_t i = 0; i < skills.size(); ++i) counts[skills[i]] = exact[i];
    return counts;
  }

  // Prints the counts, and expects that they are high enough.
  void Check(const std::map<std::string, int>& counts,
             const std::string& path) const {
    for (const auto& [skill, count] : counts) {
      std::cout << absl::StreamFormat(
          "%-4s  %-8s  %-10s %5d of %d\n", GetParam(), path,
          skill.empty() ? "(base)" : skill, count, num_words_);
      EXPECT_THAT(count, Ge(kLeastExact * num_words_)) << skill;
    }
  }

 private:
  bool AnswersExactly(const std::string& word, const std::string& skill,
                      v1::ExecutionPath path) {
    v1::GenerateRequest request = skill.empty() ? Ask(word) : Ask(word, skill);
    request.set_path(path);
    const auto answer = server_->client().GenerateText(request);
    EXPECT_OK(answer);
    if (!answer.ok()) return false;
    EXPECT_TRUE(skill.empty() || answer->provenance().path() == path);
    return answer->finish_reason() == v1::STOP &&
           answer->text() == Skills::Get().Answer(word, skill);
  }

  const int num_words_ = NumWords();
  std::unique_ptr<ServerProcess> server_;
};

INSTANTIATE_TEST_SUITE_P(Dtypes, SkillsTest, ::testing::Values("f32", "bf16"),
                         [](const auto& info) { return info.param; });

TEST_P(SkillsTest, TheBaseAndEveryAdapterAnswerHeldOutWordsInMixedBatches) {
  std::vector<std::string> skills = Skills::Get().names();
  skills.insert(skills.begin(), "");
  Check(CountExact(skills, v1::UNMERGED), "unmerged");
}

TEST_P(SkillsTest, MergedCopiesAnswerAsWell) {
  Check(CountExact({"alternate", "piglatin", "reverse"}, v1::MERGED), "merged");
}

}  // namespace
}  // namespace lora
