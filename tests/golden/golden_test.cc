// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <tuple>
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
// The goldens are of float32; bfloat16 has 8 bits. Over all families,
// transformers in bfloat16 differs from them by up to 0.034 of a case's norm
// and by 0.34 in a logit, this server by up to 0.028 and 0.23.
constexpr double kBf16RelativeTolerance = 0.04;
constexpr float kBf16Tolerance = 0.3f;
constexpr char kRegenerate[] =
    "if the files are meant to change: python tests/golden/generate.py";

using GoldenParam = std::tuple<std::string, ModelDtype>;

std::string CaseName(const testing::TestParamInfo<GoldenParam>& info) {
  return absl::StrCat(
      std::get<0>(info.param),
      std::get<1>(info.param) == ModelDtype::kF32 ? "_f32" : "_bf16");
}

// The answers of the real PEFT and transformers, for one family, computed in
// one dtype.
class GoldenTest : public testing::TestWithParam<GoldenParam> {
 protected:
  bool bf16() const { return std::get<1>(GetParam()) == ModelDtype::kBF16; }

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

  // Whether the logits of every position of `golden` are the ones stored.
  void ExpectMatches(const at::Tensor& logits, const GoldenCase& golden) {
    const at::Tensor rows =
        logits.narrow(0, golden.first_position, golden.logits.size(0));
    const at::Tensor error = rows.sub(golden.logits);
    const double off_by = error.abs().max().item().toDouble();
    if (!bf16()) {
      EXPECT_TRUE(at::allclose(rows, golden.logits, kTolerance, kTolerance))
          << golden.name << " is off by " << off_by << "; " << kRegenerate;
      return;
    }
    EXPECT_LE(off_by, kBf16Tolerance) << golden.name;
    EXPECT_LE(error.norm().item().toDouble(),
              kBf16RelativeTolerance * golden.logits.norm().item().toDouble())
        << golden.name;
  }

  const std::vector<GoldenCase> cases_ =
      LoadGoldenCases(std::get<0>(GetParam()));
  LoadedModel loaded_{
      absl::StrCat(kGoldenRoot, "models/", std::get<0>(GetParam())),
      {.dtype = std::get<1>(GetParam())}};
};

// What bfloat16 may decide otherwise once, and then differs to the end.
class GoldenF32Test : public GoldenTest {};

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

// How far the best logit of each of the last `count` rows leads the second.
std::vector<float> Leads(const at::Tensor& logits, size_t count) {
  const at::Tensor best =
      std::get<0>(logits
                      .narrow(0, logits.size(0) - static_cast<int64_t>(count),
                              static_cast<int64_t>(count))
                      .topk(2));
  std::vector<float> leads;
  for (int64_t row = 0; row < best.size(0); ++row) {
    leads.push_back(best[row][0].sub(best[row][1]).item().toFloat());
  }
  return leads;
}

TEST_P(GoldenTest, LogitsAndClearTokensAreThoseOfPeft) {
  ASSERT_EQ(loaded_.model().dtype(), bf16() ? at::kBFloat16 : at::kFloat);
  const std::vector<at::Tensor> logits =
      LogitsAlone(GoldenRequests(loaded_, cases_));
  ASSERT_FALSE(cases_.empty());
  // In float32 every token is clear: the generator sees to it.
  const float clear = bf16() ? 2.0f * kBf16Tolerance : 0.0f;
  size_t num_clear = 0;
  size_t num_tokens = 0;
  for (size_t i = 0; i < cases_.size(); ++i) {
    const GoldenCase& golden = cases_[i];
    ExpectMatches(logits[i], golden);
    const size_t count = golden.greedy_ids.size();
    const std::vector<int32_t> chosen = Chosen(logits[i], count);
    const std::vector<float> leads = Leads(golden.logits, count);
    for (size_t t = 0; t < count; ++t) {
      if (leads[t] <= clear) continue;
      EXPECT_EQ(chosen[t], golden.greedy_ids[t]) << golden.name << " at " << t;
      ++num_clear;
    }
    num_tokens += count;
  }
  EXPECT_GE(num_clear, bf16() ? num_tokens / 10 : num_tokens);
}

TEST_P(GoldenF32Test, GreedyAnswersAreThoseOfPeft) {
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

TEST_P(GoldenTest, PermutingTheRequestsOfAStepPermutesItsLogits) {
  const std::vector<DriverRequest> requests = GoldenRequests(loaded_, cases_);
  // Of the request, whatever its place in the step.
  const auto chunk_of = [](size_t request, int32_t remaining) {
    return 1 + static_cast<int32_t>((7 * request + remaining) % 5);
  };
  DecoderDriver driver(loaded_.model(), /*num_threads=*/2);
  const std::vector<at::Tensor> in_order = driver.Logits(requests, chunk_of);
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937 random(29);
  for (int round = 0; round < 3; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    std::vector<DriverRequest> shuffled;
    for (const size_t original : order) shuffled.push_back(requests[original]);
    const std::vector<at::Tensor> logits =
        driver.Logits(shuffled, [&](size_t place, int32_t remaining) {
          return chunk_of(order[place], remaining);
        });
    for (size_t place = 0; place < order.size(); ++place) {
      EXPECT_TRUE(at::equal(logits[place], in_order[order[place]]))
          << cases_[order[place]].name << " at place " << place;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenTest,
                         testing::Combine(testing::ValuesIn(GoldenFamilies()),
                                          testing::Values(ModelDtype::kF32,
                                                          ModelDtype::kBF16)),
                         CaseName);
INSTANTIATE_TEST_SUITE_P(Families, GoldenF32Test,
                         testing::Combine(testing::ValuesIn(GoldenFamilies()),
                                          testing::Values(ModelDtype::kF32)),
                         CaseName);

}  // namespace
}  // namespace lora
