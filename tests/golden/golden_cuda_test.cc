// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/golden/decoder_driver.h"
#include "tests/golden/golden_cases.h"

namespace lora {
namespace {

// The same cases on a GPU, whose sums come in another order.
constexpr double kTolerance = 1e-3;

class GoldenCudaTest : public testing::TestWithParam<std::string> {
 protected:
  const std::vector<GoldenCase> cases_ = LoadGoldenCases(GetParam());
  LoadedModel loaded_{absl::StrCat(kGoldenRoot, "models/", GetParam()),
                      {.dtype = ModelDtype::kF32, .device = at::kCUDA}};
};

TEST_P(GoldenCudaTest, LogitsAreThoseOfPeft) {
  DecoderDriver driver(loaded_.model());
  const std::vector<at::Tensor> logits =
      driver.Logits(GoldenRequests(loaded_, cases_), WholePrompts());
  for (size_t i = 0; i < cases_.size(); ++i) {
    const GoldenCase& golden = cases_[i];
    const at::Tensor rows =
        logits[i].narrow(0, golden.first_position, golden.logits.size(0));
    EXPECT_TRUE(at::allclose(rows, golden.logits, kTolerance, kTolerance))
        << golden.name;
  }
}

TEST_P(GoldenCudaTest, GreedyAnswersAreThoseOfPeft) {
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

INSTANTIATE_TEST_SUITE_P(Families, GoldenCudaTest,
                         testing::ValuesIn(GoldenFamilies()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace lora
