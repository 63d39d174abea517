// SPDX-License-Identifier: Apache-2.0
// The promise of docs/architecture.md, "Invariance on CPU": tokens and log
// probabilities are the same bits alone and in any company.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/invariance/company.h"

namespace lora {
namespace {

constexpr char kSkills[] = "examples/skills/";
constexpr int32_t kFirstByteId = 3;  // Byte b has this id plus b.
constexpr int32_t kPrefixTokens = 170;
constexpr int32_t kMinOwnTokens = 30;
constexpr int32_t kMaxOwnTokens = 90;
constexpr int32_t kWhole = 1 << 20;
constexpr size_t kNumCompared = 6;
constexpr size_t kNumMates = 4;
// Room for the prompts of two, but hardly for their answers; and for all.
constexpr int32_t kFewBlocks = 32;
constexpr int32_t kManyBlocks = 512;

class InvarianceTest
    : public ::testing::TestWithParam<std::tuple<ModelDtype, PathPreference>> {
 protected:
  InvarianceTest()
      : weights_(absl::StrCat(kSkills, "base"), std::get<0>(GetParam())),
        tokenizer_(Tokenizer::Load(absl::StrCat(kSkills, "base")).value()) {
    const auto load = [this](const std::string& skill, float weight) {
      return weights_.Load(absl::StrCat(kSkills, "adapters/", skill), skill,
                           weight);
    };
    // Other ranks and targets, a sum of two, and the base.
    adapter_sets_ = {{load("reverse", 1.0f)},
                     {load("cipher", 1.0f), load("upper", 0.5f)},
                     {},
                     {load("dash", 1.0f)}};
    for (const auto& adapters : adapter_sets_) {
      if (!adapters.empty()) weights_.Merge(adapters);
    }
    for (int32_t i = 0; i < kPrefixTokens; ++i) prefix_.push_back(Letter());
    for (size_t i = 0; i < kNumCompared; ++i) {
      compared_.push_back(Request(i, std::get<1>(GetParam())));
    }
  }

  int32_t Between(int32_t least, int32_t most) {
    return least + static_cast<int32_t>(random_() % (most - least + 1));
  }
  int32_t Letter() { return kFirstByteId + Between('a', 'z'); }

  // The common prefix, then tokens of its own.
  CompanyRequest Request(size_t index, PathPreference path) {
    CompanyRequest request;
    request.prompt = prefix_;
    for (int32_t left = Between(kMinOwnTokens, kMaxOwnTokens); left > 0;
         --left) {
      request.prompt.push_back(Letter());
    }
    request.adapters = adapter_sets_[index % adapter_sets_.size()];
    request.path = path;
    request.sampling.top_logprobs = 3;
    if (index % 2 == 1) {
      request.sampling.temperature = 1.3f;
      request.sampling.top_p = 0.95f;
      request.sampling.repetition_penalty = 1.1f;
      request.sampling.seed = random_();
    }
    request.max_new_tokens = Between(24, 39);
    return request;
  }

  // The compared requests among random mates, in random order; `places` says
  // where they are.
  struct Batch {
    std::vector<CompanyRequest> requests;
    std::vector<size_t> places;
  };
  Batch Mix() {
    Batch batch;
    std::vector<CompanyRequest> all = compared_;
    for (size_t i = 0; i < kNumMates; ++i) {
      all.push_back(Request(random_(), random_() % 2 == 0
                                           ? PathPreference::kMerged
                                           : PathPreference::kUnmerged));
    }
    std::vector<size_t> order(all.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    batch.places.resize(kNumCompared);
    for (size_t place = 0; place < order.size(); ++place) {
      if (order[place] < kNumCompared) batch.places[order[place]] = place;
      batch.requests.push_back(all[order[place]]);
    }
    return batch;
  }

  // Each request on its own: one thread, the prompt in one piece, no cache.
  std::vector<CompanyAnswer> Alone() {
    std::vector<CompanyAnswer> answers;
    for (const CompanyRequest& request : compared_) {
      Company company({.chunk = kWhole, .num_blocks = 64}, &weights_,
                      tokenizer_.get());
      answers.push_back(company.Answer({request}).front());
    }
    return answers;
  }

  // Compares what `company` answers, and returns how many tokens of the
  // compared prompts were cached.
  int32_t ExpectSameBits(Company& company,
                         const std::vector<CompanyAnswer>& alone) {
    const Batch batch = Mix();
    const std::vector<CompanyAnswer> answers = company.Answer(batch.requests);
    int32_t cached_tokens = 0;
    for (size_t i = 0; i < kNumCompared; ++i) {
      const CompanyAnswer& answer = answers[batch.places[i]];
      SCOPED_TRACE(absl::StrCat("request ", i, ", ", answer.cached_tokens,
                                " cached tokens"));
      EXPECT_EQ(answer.tokens, alone[i].tokens);
      EXPECT_EQ(answer.logprob_bits, alone[i].logprob_bits);
      cached_tokens += answer.cached_tokens;
    }
    return cached_tokens;
  }

  std::mt19937 random_{7};
  ResidentWeights weights_;
  const std::unique_ptr<const Tokenizer> tokenizer_;
  std::vector<std::vector<WeightedKey>> adapter_sets_;
  std::vector<int32_t> prefix_;
  std::vector<CompanyRequest> compared_;
};

TEST_P(InvarianceTest, AnswersAreTheSameBitsInAnyCompany) {
  const std::vector<CompanyAnswer> alone = Alone();
  int64_t num_preemptions = 0;
  for (const int32_t chunk : {1, 7, 64, kWhole}) {
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(absl::StrCat("chunk ", chunk, ", ", threads, " threads"));
      CompanyOptions options{.chunk = chunk, .num_threads = threads};
      options.num_blocks = kFewBlocks;
      Company crowded(options, &weights_, tokenizer_.get());
      ExpectSameBits(crowded, alone);
      num_preemptions += crowded.num_preemptions();

      options.num_blocks = kManyBlocks;
      Company roomy(options, &weights_, tokenizer_.get());
      ExpectSameBits(roomy, alone);
      // Now every block of the prompts is cached but the last.
      const int32_t cached_tokens = ExpectSameBits(roomy, alone);
      EXPECT_GE(cached_tokens, static_cast<int32_t>(kNumCompared) *
                                   (kPrefixTokens + kMinOwnTokens -
                                    static_cast<int32_t>(kKvBlockSize)));
    }
  }
  EXPECT_GT(num_preemptions, 0);
}

INSTANTIATE_TEST_SUITE_P(
    DtypesAndPaths, InvarianceTest,
    ::testing::Combine(::testing::Values(ModelDtype::kF32, ModelDtype::kBF16),
                       ::testing::Values(PathPreference::kUnmerged,
                                         PathPreference::kMerged)),
    [](const auto& info) {
      return absl::StrCat(
          std::get<0>(info.param) == ModelDtype::kF32 ? "f32" : "bf16", "_",
          std::get<1>(info.param) == PathPreference::kMerged ? "merged"
                                                             : "unmerged");
    });

}  // namespace
}  // namespace lora
