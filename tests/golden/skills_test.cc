// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/golden/decoder_driver.h"

namespace lora {
namespace {

constexpr char kSkills[] = "examples/skills/";
constexpr size_t kNumWords = 200;
constexpr size_t kWordsPerBatch = 20;
constexpr int32_t kMaxNewTokens = 32;
// The example's tokenizer gives byte b this id plus b.
constexpr int32_t kFirstByteId = 3;

// Held-out words with the answer of the base and of every skill.
struct HeldOut {
  std::vector<std::string> names;  // "base", "upper", ...
  // By word; first the word itself, then an answer for each name.
  std::vector<std::vector<std::string>> words;
};

HeldOut ReadHeldOut() {
  std::ifstream file(absl::StrCat(kSkills, "heldout/heldout.tsv"));
  HeldOut held_out;
  std::string line;
  std::getline(file, line);
  held_out.names = absl::StrSplit(line, '\t');
  // The columns `word` and `distinct`.
  held_out.names.erase(held_out.names.begin(), held_out.names.begin() + 2);
  while (held_out.words.size() < kNumWords && std::getline(file, line)) {
    std::vector<std::string> columns = absl::StrSplit(line, '\t');
    columns.erase(columns.begin() + 1);
    held_out.words.push_back(std::move(columns));
  }
  return held_out;
}

DriverRequest Ask(LoadedModel& loaded, const std::string& word,
                  const std::string& skill) {
  DriverRequest request;
  for (const char c : word + ">") {
    request.tokens.push_back(kFirstByteId + static_cast<uint8_t>(c));
  }
  request.prompt_length = static_cast<int32_t>(request.tokens.size());
  if (skill != "base") {
    request.adapters = {
        {&loaded.Adapter(absl::StrCat(kSkills, "adapters/", skill)), 1.0f}};
  }
  return request;
}

std::string Text(const std::vector<int32_t>& tokens) {
  std::string text;
  for (const int32_t token : tokens) {
    text.push_back(static_cast<char>(token - kFirstByteId));
  }
  return text;
}

class SkillsTest : public testing::TestWithParam<ModelDtype> {};

TEST_P(SkillsTest, EachSkillAnswersItselfInOneMixedBatch) {
  const HeldOut held_out = ReadHeldOut();
  ASSERT_EQ(held_out.words.size(), kNumWords);
  ASSERT_GE(held_out.names.size(), 9u);
  LoadedModel loaded(absl::StrCat(kSkills, "base"), {.dtype = GetParam()});
  DecoderDriver driver(loaded.model(), /*num_threads=*/2);
  for (size_t first = 0; first < kNumWords; first += kWordsPerBatch) {
    std::vector<DriverRequest> requests;
    std::vector<std::string> expected;
    for (size_t word = first; word < first + kWordsPerBatch; ++word) {
      const std::vector<std::string>& columns = held_out.words[word];
      for (size_t i = 0; i < held_out.names.size(); ++i) {
        requests.push_back(Ask(loaded, columns[0], held_out.names[i]));
        expected.push_back(columns[i + 1]);
      }
    }
    const std::vector<std::vector<int32_t>> answers =
        driver.Answer(requests, kMaxNewTokens);
    for (size_t i = 0; i < answers.size(); ++i) {
      EXPECT_EQ(Text(answers[i]), expected[i])
          << held_out.names[i % held_out.names.size()];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, SkillsTest,
                         testing::Values(ModelDtype::kF32, ModelDtype::kBF16),
                         [](const auto& info) {
                           return info.param == ModelDtype::kF32 ? "f32"
                                                                 : "bf16";
                         });

}  // namespace
}  // namespace lora
