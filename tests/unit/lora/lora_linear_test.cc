// SPDX-License-Identifier: Apache-2.0
#include "server/lora/lora_linear.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "server/lora/lora_weights.h"
#include "server/lora/merged_weights.h"
#include "tests/unit/lora/lora_test_util.h"

namespace lora {
namespace {

constexpr int64_t kIn = 48;
constexpr int64_t kOut = 80;
constexpr int64_t kOutOther = 16;

// Two linears of one input; module 0 has a bias.
class LoraLinearTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  using Adapters = std::vector<WeightedSlotAdapter>;

  LoraLinearTest()
      : first_(0, Packed(RandomMatrix(kOut, kIn, 1), GetParam()),
               RandomMatrix(1, kOut, 2).view({kOut})),
        second_(1, Packed(RandomMatrix(kOutOther, kIn, 3), GetParam()),
                at::Tensor()),
        a_(Adapter(10, 4, 2.0f)),
        b_(Adapter(20, 9, 0.25f)) {}

  static std::unique_ptr<const LoraWeights> Adapter(uint32_t seed, int64_t rank,
                                                    float scaling,
                                                    bool zero_b = false) {
    return RandomAdapter({{0, kIn, kOut, rank, scaling, zero_b},
                          {1, kIn, kOutOther, rank + 1, scaling, zero_b}},
                         GetParam(), seed);
  }

  static at::Tensor Input(int64_t rows) {
    return RandomMatrix(rows, kIn, 99).to(GetParam());
  }

  // Both outputs for `x`, whose rows use `ranges`.
  std::vector<at::Tensor> Forward(const at::Tensor& x,
                                  const std::vector<RowAdapters>& ranges) {
    const StepAdapters adapters = BuildStepAdapters(ranges);
    std::vector<at::Tensor> outputs = {
        at::empty({x.size(0), kOut}, x.options()),
        at::empty({x.size(0), kOutOther}, x.options())};
    const LoraLinear* linears[] = {&first_, &second_};
    ForwardGroup(context_, x, linears, adapters, absl::MakeSpan(outputs));
    return outputs;
  }

  // The same by definition, in float64, for one linear.
  static at::Tensor Expected(const at::Tensor& x, const LoraLinear& linear,
                             const Adapters& adapters) {
    const auto wide = [](const PackedWeight& weight) {
      return weight.Unpack().to(at::kDouble);
    };
    const at::Tensor input = x.to(at::kDouble);
    at::Tensor y = input.matmul(wide(linear.weight()).t());
    if (linear.bias().defined()) y = y.add(linear.bias().to(at::kDouble));
    for (const WeightedSlotAdapter& entry : adapters) {
      const LoraWeights::Module* module =
          entry.adapter->module(linear.module_index());
      if (module == nullptr) continue;
      y = y.add(input.matmul(wide(module->a).t()).matmul(wide(module->b).t()),
                entry.weight * module->scaling);
    }
    return y;
  }

  double tolerance() const { return GetParam() == at::kFloat ? 1e-5 : 2e-2; }

  KernelContext context_{2};
  LoraLinear first_;
  LoraLinear second_;
  std::unique_ptr<const LoraWeights> a_;
  std::unique_ptr<const LoraWeights> b_;
};

TEST_P(LoraLinearTest, RowsWithoutAdaptersAreTheBase) {
  const at::Tensor x = Input(5);
  const auto y = Forward(x, {{.num_rows = 5}});
  EXPECT_LT(RelativeError(y[0], Expected(x, first_, {})), tolerance());
  EXPECT_LT(RelativeError(y[1], Expected(x, second_, {})), tolerance());
}

TEST_P(LoraLinearTest, AnAdapterAddsItsScaledProduct) {
  const at::Tensor x = Input(5);
  for (const float weight : {1.0f, 0.0f, -1.5f}) {
    const Adapters adapters = {{a_.get(), weight}};
    const auto y = Forward(x, {{5, adapters}});
    EXPECT_LT(RelativeError(y[0], Expected(x, first_, adapters)), tolerance());
    EXPECT_LT(RelativeError(y[1], Expected(x, second_, adapters)), tolerance());
  }
}

TEST_P(LoraLinearTest, SeveralAdaptersOfDifferentRanksAddUp) {
  const at::Tensor x = Input(7);
  const Adapters adapters = {{a_.get(), 0.5f}, {b_.get(), -2.0f}};
  const auto y = Forward(x, {{7, adapters}});
  EXPECT_LT(RelativeError(y[0], Expected(x, first_, adapters)), tolerance());
  EXPECT_LT(RelativeError(y[1], Expected(x, second_, adapters)), tolerance());
}

TEST_P(LoraLinearTest, AZeroBLeavesTheBaseBitForBit) {
  const at::Tensor x = Input(6);
  const auto zero = Adapter(30, 8, 3.0f, /*zero_b=*/true);
  const Adapters adapters = {{zero.get(), 1.0f}};
  const auto base = Forward(x, {{.num_rows = 6}});
  const auto y = Forward(x, {{6, adapters}});
  EXPECT_TRUE(SameBits(y[0], base[0]));
  EXPECT_TRUE(SameBits(y[1], base[1]));
}

TEST_P(LoraLinearTest, AMixedBatchIsEachRequestAloneBitForBit) {
  const Adapters a = {{a_.get(), 1.0f}};
  const Adapters b = {{b_.get(), -0.5f}};
  const Adapters both = {{a_.get(), 0.25f}, {b_.get(), 4.0f}};
  const std::vector<RowAdapters> ranges = {{1, a}, {3, both}, {.num_rows = 2},
                                           {1, b}, {9, a},    {1, both}};
  int64_t num_rows = 0;
  for (const RowAdapters& range : ranges) num_rows += range.num_rows;
  const at::Tensor x = Input(num_rows);
  const auto mixed = Forward(x, ranges);
  int64_t begin = 0;
  for (const RowAdapters& range : ranges) {
    const at::Tensor rows = x.slice(0, begin, begin + range.num_rows);
    const auto alone = Forward(rows.contiguous(), {range});
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(
          SameBits(mixed[i].slice(0, begin, begin + range.num_rows), alone[i]));
    }
    begin += range.num_rows;
  }
}

TEST_P(LoraLinearTest, AModuleThatTheAdapterLeavesAloneIsTheBase) {
  const auto first_only =
      RandomAdapter({{0, kIn, kOut, 4, 1.0f}}, GetParam(), 40);
  const Adapters adapters = {{first_only.get(), 1.0f}};
  const at::Tensor x = Input(4);
  const auto base = Forward(x, {{.num_rows = 4}});
  const auto y = Forward(x, {{4, adapters}});
  EXPECT_FALSE(SameBits(y[0], base[0]));
  EXPECT_TRUE(SameBits(y[1], base[1]));
}

TEST_P(LoraLinearTest, MergedRowsUseTheCopyWhereItHoldsTheModule) {
  MergedWeights::ModuleMap modules;
  modules.emplace(0, Packed(RandomMatrix(kOut, kIn, 50), GetParam()));
  const LoraLinear replaced(0, modules.at(0), first_.bias());
  const MergedWeights merged(std::move(modules), 0.0);
  const Adapters a = {{a_.get(), 1.0f}};
  const at::Tensor x = Input(6);
  const auto y = Forward(x, {{1, a}, {2, {}, &merged}, {3, {}}});
  const auto base = Forward(x, {{.num_rows = 6}});
  EXPECT_LT(
      RelativeError(y[0].slice(0, 1, 3),
                    Expected(x.slice(0, 1, 3).contiguous(), replaced, {})),
      tolerance());
  EXPECT_TRUE(SameBits(y[0].slice(0, 3, 6), base[0].slice(0, 3, 6)));
  EXPECT_TRUE(SameBits(y[1].slice(0, 1, 6), base[1].slice(0, 1, 6)));
}

TEST_P(LoraLinearTest, OutputsMayBeFloat32) {
  const at::Tensor x = Input(3);
  const Adapters adapters = {{a_.get(), 1.0f}};
  const std::vector<RowAdapters> ranges = {{3, adapters}};
  const StepAdapters step = BuildStepAdapters(ranges);
  std::vector<at::Tensor> outputs = {at::empty({3, kOut}, at::kFloat)};
  const LoraLinear* linears[] = {&first_};
  ForwardGroup(context_, x, linears, step, absl::MakeSpan(outputs));
  EXPECT_LT(RelativeError(outputs[0], Expected(x, first_, adapters)),
            GetParam() == at::kFloat ? 1e-5 : 1e-2);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, LoraLinearTest,
                         ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) {
                           return info.param == at::kFloat ? "F32" : "BF16";
                         });

}  // namespace
}  // namespace lora
