// SPDX-License-Identifier: Apache-2.0
#include "tests/support/skills.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lora {
namespace {

constexpr char kHeldOut[] = "examples/skills/heldout/heldout.tsv";
constexpr char kAdapters[] = "examples/skills/adapters";
// Columns of the file: the word, whether it is distinct, the base's answer,
// then one for each adapter.
constexpr size_t kDistinct = 1;
constexpr size_t kBase = 2;
// Longer than any answer.
constexpr int32_t kMaxNewTokens = 32;

}  // namespace

const Skills& Skills::Get() {
  static const auto* const skills = new Skills();
  return *skills;
}

Skills::Skills() {
  std::ifstream file(kHeldOut);
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> head = absl::StrSplit(line, '\t');
  if (head.size() <= kBase) {
    std::cerr << "cannot read " << kHeldOut << " from "
              << std::filesystem::current_path() << "\n";
    std::abort();
  }
  names_.assign(head.begin() + kBase + 1, head.end());
  while (std::getline(file, line)) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    all_words_.push_back(fields[0]);
    if (fields[kDistinct] == "1") words_.push_back(fields[0]);
    answers_[{fields[0], ""}] = fields[kBase];
    for (size_t i = kBase + 1; i < fields.size(); ++i) {
      answers_[{fields[0], head[i]}] = fields[i];
    }
  }
}

const std::string& Skills::Answer(const std::string& word,
                                  const std::string& skill) const {
  return answers_.at({word, skill});
}

std::string Skills::Source(absl::string_view skill) {
  return std::filesystem::absolute(std::filesystem::path(kAdapters) /
                                   std::string(skill))
      .string();
}

v1::GenerateRequest Ask(const std::string& word,
                        absl::Span<const std::string> adapters) {
  v1::GenerateRequest request;
  request.set_text(absl::StrCat(word, ">"));
  request.set_max_new_tokens(kMaxNewTokens);
  for (const std::string& adapter : adapters) {
    request.add_adapters()->set_adapter_id(adapter);
  }
  return request;
}

v1::GenerateRequest Ask(const std::string& word, const std::string& adapter) {
  return Ask(word, absl::MakeConstSpan(&adapter, 1));
}

}  // namespace lora
