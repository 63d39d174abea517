// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/lora/merge_math.h"
#include "server/lora/merged_weights.h"
#include "server/model/logit_math.h"
#include "tests/golden/decoder_driver.h"
#include "tests/golden/golden_cases.h"

namespace lora {
namespace {

constexpr double kTolerance = 2e-4;
constexpr char kRegenerate[] =
    "if the files are meant to change: python tests/golden/generate.py";

// The answers of the real PEFT and transformers, for one family.
class GoldenTest : public testing::TestWithParam<std::string> {
 protected:
  // The logits of each request on its own, the prompt in one piece.
  std::vector<at::Tensor> LogitsAlone(
      const std::vector<DriverRequest>& requests) {
    DecoderDriver driver(loaded_.model());
    std::vector<at::Tensor> logits;
    for (const DriverRequest& request : requests) {
      logits.push_back(driver.Logits({request}, WholePrompts()).front());
    }
    return logits;
  }

  const std::vector<GoldenCase> cases_ = LoadGoldenCases(GetParam());
  LoadedModel loaded_{absl::StrCat(kGoldenRoot, "models/", GetParam()),
                      {.dtype = ModelDtype::kF32}};
};

void ExpectMatches(const at::Tensor& logits, const GoldenCase& golden) {
  const at::Tensor rows =
      logits.narrow(0, golden.first_position, golden.logits.size(0));
  EXPECT_TRUE(at::allclose(rows, golden.logits, kTolerance, kTolerance))
      << golden.name << " is off by "
      << rows.sub(golden.logits).abs().max().item().toFloat() << "; "
      << kRegenerate;
}

// Copies of every matrix that one of `adapters` targets, deltas folded in.
std::unique_ptr<const MergedWeights> Merge(
    const DecoderModel& model,
    const std::vector<WeightedSlotAdapter>& adapters) {
  std::map<int32_t, std::vector<MergeTerm>> terms;
  for (const WeightedSlotAdapter& component : adapters) {
    for (const LoraWeights::IndexedModule& indexed :
         component.adapter->modules()) {
      terms[indexed.module_index].push_back(
          {&indexed.module, component.weight});
    }
  }
  MergedWeights::ModuleMap modules;
  for (const auto& [index, of_module] : terms) {
    modules[index] = MergeMatrix(model.weight(index), of_module).value();
  }
  return std::make_unique<const MergedWeights>(std::move(modules), 0.0);
}

// The tokens that the last rows of `logits` choose.
std::vector<int32_t> Chosen(const at::Tensor& logits, size_t count) {
  std::vector<int32_t> tokens;
  for (int64_t row = logits.size(0) - static_cast<int64_t>(count);
       row < logits.size(0); ++row) {
    const at::Tensor values = logits[row];
    tokens.push_back(ArgMax(
        absl::MakeConstSpan(values.const_data_ptr<float>(), values.numel())));
  }
  return tokens;
}

TEST_P(GoldenTest, LogitsAndTokensAreThoseOfPeft) {
  const std::vector<at::Tensor> logits =
      LogitsAlone(GoldenRequests(loaded_, cases_));
  ASSERT_FALSE(cases_.empty());
  for (size_t i = 0; i < cases_.size(); ++i) {
    ExpectMatches(logits[i], cases_[i]);
    EXPECT_EQ(Chosen(logits[i], cases_[i].greedy_ids.size()),
              cases_[i].greedy_ids)
        << cases_[i].name;
  }
}

TEST_P(GoldenTest, GreedyAnswersAreThoseOfPeft) {
  std::vector<DriverRequest> requests = GoldenRequests(loaded_, cases_);
  for (DriverRequest& request : requests) {
    request.tokens.resize(request.prompt_length);
  }
  DecoderDriver driver(loaded_.model());
  const std::vector<std::vector<int32_t>> answers =
      driver.Answer(requests, /*max_new_tokens=*/16);
  for (size_t i = 0; i < cases_.size(); ++i) {
    EXPECT_EQ(answers[i], cases_[i].greedy_ids) << cases_[i].name;
  }
}

TEST_P(GoldenTest, MergedCopiesAnswerAsTheAdaptersDo) {
  std::vector<DriverRequest> requests = GoldenRequests(loaded_, cases_);
  std::vector<std::unique_ptr<const MergedWeights>> merged;
  for (DriverRequest& request : requests) {
    merged.push_back(Merge(loaded_.model(), request.adapters));
    request.merged = merged.back().get();
    request.adapters.clear();
  }
  const std::vector<at::Tensor> logits = LogitsAlone(requests);
  for (size_t i = 0; i < cases_.size(); ++i) {
    ExpectMatches(logits[i], cases_[i]);
  }
  // Beside rows on the base and on other copies, they stay the same.
  DecoderDriver driver(loaded_.model());
  const std::vector<at::Tensor> together = driver.Logits(requests, ChunksOf(3));
  for (size_t i = 0; i < cases_.size(); ++i) {
    EXPECT_TRUE(at::equal(together[i], logits[i])) << cases_[i].name;
  }
}

TEST_P(GoldenTest, ChunksLeaveLogitsBitForBit) {
  const std::vector<DriverRequest> requests = GoldenRequests(loaded_, cases_);
  const std::vector<at::Tensor> whole = LogitsAlone(requests);
  DecoderDriver driver(loaded_.model());
  for (const int32_t chunk : {1, 7}) {
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_TRUE(at::equal(
          driver.Logits({requests[i]}, ChunksOf(chunk)).front(), whole[i]))
          << cases_[i].name << " in chunks of " << chunk;
    }
  }
}

TEST_P(GoldenTest, BatchMatesAndThreadsLeaveLogitsBitForBit) {
  const std::vector<DriverRequest> requests = GoldenRequests(loaded_, cases_);
  const std::vector<at::Tensor> alone = LogitsAlone(requests);
  std::mt19937 random(17);
  for (const int threads : {1, 2}) {
    DecoderDriver driver(loaded_.model(), threads);
    const std::vector<at::Tensor> together =
        driver.Logits(requests, [&](size_t, int32_t) {
          return 1 + static_cast<int32_t>(random() % 9);
        });
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_TRUE(at::equal(together[i], alone[i]))
          << cases_[i].name << " on " << threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenTest,
                         testing::ValuesIn(GoldenFamilies()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace lora
