// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/weight_plan.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/kernels/packed_weight.h"
#include "server/model/decoder/decoder_spec.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/model/model_folder.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const WeightFormat kF32 = {.dtype = at::kFloat};
const WeightFormat kBf16 = {.dtype = at::kBFloat16};

class WeightPlanTest : public testing::Test {
 protected:
  WeightPlanTest() : config_(ParseDecoderConfig(kTinyConfig, "").value()) {}

  absl::StatusOr<WeightPlan> Plan(const std::vector<FileTensor>& tensors) {
    folder_.WriteTensors("model.safetensors", tensors);
    checkpoint_.emplace(Checkpoint::Open(folder_.path()).value());
    return PlanWeights(*checkpoint_, config_, BuildDecoderSpec(config_));
  }

  // The name of the tensor that a module's weight is read from.
  std::string Source(const WeightPlan& plan, const std::string& module) {
    const BaseModelSpec spec = BuildDecoderSpec(config_);
    return plan.modules[*spec.FindModule(module)].weight.source.info->name;
  }

  const ModelFolder folder_;
  DecoderConfig config_;
  std::optional<Checkpoint> checkpoint_;
};

TEST_F(WeightPlanTest, EveryModuleIsFoundUnderItsName) {
  ASSERT_OK_AND_ASSIGN(const WeightPlan plan, Plan(TinyTensors()));
  const BaseModelSpec spec = BuildDecoderSpec(config_);
  ASSERT_EQ(plan.modules.size(), spec.modules.size());
  for (const BaseModule& module : spec.modules) {
    EXPECT_EQ(Source(plan, module.path), module.path + ".weight");
  }
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST_F(WeightPlanTest, BiasesArePlannedWhereTheConfigHasThem) {
  config_.qkv_bias = true;
  config_.mlp_bias = true;
  std::vector<FileTensor> tensors = TinyTensors();
  for (const char* prefix : {"model.layers.0.", "model.layers.1."}) {
    for (const auto& [name, width] :
         std::vector<std::pair<const char*, int>>{{"self_attn.q_proj", 8},
                                                  {"self_attn.k_proj", 4},
                                                  {"self_attn.v_proj", 4},
                                                  {"mlp.gate_proj", 12},
                                                  {"mlp.up_proj", 12},
                                                  {"mlp.down_proj", 8}}) {
      tensors.push_back({std::string(prefix) + name + ".bias", {width}});
    }
  }
  ASSERT_OK_AND_ASSIGN(const WeightPlan plan, Plan(tensors));
  const BaseModelSpec spec = BuildDecoderSpec(config_);
  for (size_t i = 0; i < spec.modules.size(); ++i) {
    const std::string& path = spec.modules[i].path;
    const bool expected = spec.modules[i].type == ModuleType::kLinear &&
                          path != "lm_head" &&
                          path.find("o_proj") == std::string::npos;
    EXPECT_EQ(plan.modules[i].bias.has_value(), expected) << path;
  }
}

TEST_F(WeightPlanTest, AMissingTensorIsNamed) {
  for (const char* name :
       {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
        "model.layers.1.mlp.up_proj.weight"}) {
    EXPECT_THAT(Plan(Without(TinyTensors(), name)),
                AllOf(StatusIs(absl::StatusCode::kFailedPrecondition,
                               ErrorReason::kBase),
                      MessageIs(HasSubstr(name))));
  }
}

TEST_F(WeightPlanTest, AMissingBiasIsNamed) {
  config_.o_bias = true;
  EXPECT_THAT(Plan(TinyTensors()),
              MessageIs(HasSubstr("model.layers.0.self_attn.o_proj.bias")));
}

TEST_F(WeightPlanTest, AnotherShapeIsTold) {
  std::vector<FileTensor> tensors =
      Without(TinyTensors(), "model.layers.0.self_attn.k_proj.weight");
  tensors.push_back({"model.layers.0.self_attn.k_proj.weight", {8, 4}});
  EXPECT_THAT(
      Plan(tensors),
      AllOf(StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kBase),
            MessageIs(AllOf(HasSubstr("k_proj"), HasSubstr("[8, 4]"),
                            HasSubstr("[4, 8]")))));
}

TEST_F(WeightPlanTest, AnotherDtypeIsUnimplemented) {
  std::vector<FileTensor> tensors = Without(TinyTensors(), "model.norm.weight");
  tensors.push_back({"model.norm.weight", {8}, Dtype::kI16});
  EXPECT_THAT(Plan(tensors), AllOf(StatusIs(absl::StatusCode::kUnimplemented,
                                            ErrorReason::kBaseFeature),
                                   MessageIs(HasSubstr("I16"))));
}

TEST_F(WeightPlanTest, ATiedPairMayBeStoredUnderEitherName) {
  config_.tie_word_embeddings = true;
  ASSERT_OK_AND_ASSIGN(const WeightPlan embedding,
                       Plan(Without(TinyTensors(), "lm_head.weight")));
  EXPECT_EQ(Source(embedding, "lm_head"), "model.embed_tokens.weight");
  ASSERT_OK_AND_ASSIGN(
      const WeightPlan head,
      Plan(Without(TinyTensors(), "model.embed_tokens.weight")));
  EXPECT_EQ(Source(head, "model.embed_tokens"), "lm_head.weight");
}

TEST_F(WeightPlanTest, ATiedPairStoredTwiceIsUsedAsStored) {
  config_.tie_word_embeddings = true;
  ASSERT_OK_AND_ASSIGN(const WeightPlan plan, Plan(TinyTensors()));
  EXPECT_EQ(Source(plan, "lm_head"), "lm_head.weight");
  EXPECT_EQ(Source(plan, "model.embed_tokens"), "model.embed_tokens.weight");
}

TEST_F(WeightPlanTest, TensorsThatNobodyReadsAreWarnedOf) {
  std::vector<FileTensor> tensors = TinyTensors();
  tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {2}});
  ASSERT_OK_AND_ASSIGN(const WeightPlan harmless, Plan(tensors));
  EXPECT_THAT(harmless.warnings, IsEmpty());
  for (int i = 0; i < 7; ++i) {
    tensors.push_back({"model.layers." + std::to_string(i + 2) + ".x", {1}});
  }
  ASSERT_OK_AND_ASSIGN(const WeightPlan plan, Plan(tensors));
  EXPECT_THAT(plan.warnings,
              ElementsAre(AllOf(HasSubstr("7 tensors"),
                                HasSubstr("model.layers.6.x, ..."),
                                Not(HasSubstr("model.layers.7.x")))));
}

TEST_F(WeightPlanTest, BytesCountTablesVectorsAndPackedMatrices) {
  ASSERT_OK_AND_ASSIGN(const WeightPlan plan, Plan(TinyTensors()));
  for (const WeightFormat& format : {kF32, kBf16}) {
    const int64_t item = format.dtype == at::kFloat ? 4 : 2;
    const auto packed = [&](int64_t out, int64_t in) {
      return PackedWeight::PackedBytes(out, in, format.dtype, format.device);
    };
    const int64_t layer = 2 * 8 * item + 2 * packed(8, 8) + 2 * packed(4, 8) +
                          2 * packed(12, 8) + packed(8, 12);
    EXPECT_EQ(plan.Bytes(format),
              11 * 8 * item + 2 * layer + 8 * item + packed(11, 8));
    const int64_t norms = (2 * 2 + 1) * 8 * item;
    EXPECT_EQ(plan.MatrixBytes(format),
              plan.Bytes(format) - 11 * 8 * item - norms);
  }
}

TEST_F(WeightPlanTest, ParametersAreTheElementsOfTheFile) {
  config_.o_bias = true;
  std::vector<FileTensor> tensors = TinyTensors();
  for (const char* layer : {"0", "1"}) {
    tensors.push_back(
        {absl::StrCat("model.layers.", layer, ".self_attn.o_proj.bias"), {8}});
  }
  int64_t elements = 0;
  for (const FileTensor& tensor : tensors) {
    int64_t count = 1;
    for (const int64_t size : tensor.shape) count *= size;
    elements += count;
  }
  ASSERT_OK_AND_ASSIGN(const WeightPlan untied, Plan(tensors));
  EXPECT_EQ(untied.NumParameters(), elements);

  config_.tie_word_embeddings = true;
  ASSERT_OK_AND_ASSIGN(const WeightPlan tied,
                       Plan(Without(tensors, "lm_head.weight")));
  EXPECT_EQ(tied.NumParameters(), elements - 11 * 8);
}

TEST(WeightPlanParametersTest, Qwen2HalfABillionHas494Million) {
  const BaseModelSpec spec = BuildDecoderSpec(
      ParseDecoderConfig(R"({"model_type": "qwen2", "vocab_size": 151936,
          "hidden_size": 896, "intermediate_size": 4864,
          "num_hidden_layers": 24, "num_attention_heads": 14,
          "num_key_value_heads": 2, "tie_word_embeddings": true})",
                         "")
          .value());
  std::deque<TensorInfo> infos;
  const auto plan_tensor = [&](std::vector<int64_t> shape) {
    infos.push_back({.shape = std::move(shape)});
    return PlannedTensor{.source = {.info = &infos.back()}};
  };
  WeightPlan plan;
  for (const BaseModule& module : spec.modules) {
    WeightPlan::Module& planned = plan.modules.emplace_back();
    if (module.type == ModuleType::kNorm) {
      planned.weight = plan_tensor({module.out_features});
      continue;
    }
    if (module.path == kHeadModule) {
      planned.weight = plan.modules.front().weight;
      continue;
    }
    planned.weight = plan_tensor({module.out_features, module.in_features});
    for (const char* biased : {"q_proj", "k_proj", "v_proj"}) {
      if (!module.path.ends_with(biased)) continue;
      planned.bias = plan_tensor({module.out_features});
    }
  }
  EXPECT_EQ(plan.NumParameters(), 494'032'768);
}

TEST_F(WeightPlanTest, StagingIsTheLargestMatrixInTheModelsDtype) {
  ASSERT_OK_AND_ASSIGN(const WeightPlan full, Plan(TinyTensors()));
  EXPECT_EQ(full.MaxStagingBytes(kF32), 0);
  EXPECT_EQ(full.MaxStagingBytes(kBf16), 12 * 8 * 2);
  ASSERT_OK_AND_ASSIGN(const WeightPlan half, Plan(TinyTensors(Dtype::kF16)));
  EXPECT_EQ(half.MaxStagingBytes(kF32), 12 * 8 * 4);
  EXPECT_EQ(half.MaxStagingBytes(kBf16), 12 * 8 * 2);
  // A table and a vector are converted as they are copied.
  for (const PlannedTensor& tensor :
       {half.modules.front().weight, half.modules[1].weight}) {
    EXPECT_EQ(tensor.StagingBytes(kF32), 0);
  }
}

TEST_F(WeightPlanTest, WhatGoesToAnotherDeviceIsConvertedOnTheHost) {
  const WeightFormat f32 = {.dtype = at::kFloat, .device = at::kCUDA};
  const WeightFormat bf16 = {.dtype = at::kBFloat16, .device = at::kCUDA};
  config_.o_bias = true;
  std::vector<FileTensor> tensors = TinyTensors(Dtype::kBF16);
  for (const char* layer : {"0", "1"}) {
    tensors.push_back(
        {absl::StrCat("model.layers.", layer, ".self_attn.o_proj.bias"),
         {8},
         Dtype::kBF16});
  }
  ASSERT_OK_AND_ASSIGN(const WeightPlan plan, Plan(tensors));
  const BaseModelSpec spec = BuildDecoderSpec(config_);
  const WeightPlan::Module& o_proj =
      plan.modules[*spec.FindModule("model.layers.0.self_attn.o_proj")];
  const PlannedTensor& table = plan.modules.front().weight;
  EXPECT_EQ(plan.MaxStagingBytes(f32), 12 * 8 * 4);
  EXPECT_EQ(o_proj.weight.StagingBytes(f32), 8 * 8 * 4);
  EXPECT_EQ(table.StagingBytes(f32), 11 * 8 * 4);
  EXPECT_EQ(plan.modules[1].weight.StagingBytes(f32), 8 * 4);
  // A bias is float32 whatever the model is.
  EXPECT_EQ(table.StagingBytes(bf16), 0);
  EXPECT_EQ(o_proj.weight.StagingBytes(bf16), 0);
  EXPECT_EQ(o_proj.bias->StagingBytes(bf16), 8 * 4);
  EXPECT_EQ(o_proj.bias->StagingBytes(kBf16), 0);
}

TEST_F(WeightPlanTest, MisalignedTensorsAreStagedAsTheyAreStored) {
  ASSERT_OK_AND_ASSIGN(WeightPlan plan, Plan(TinyTensors()));
  EXPECT_EQ(plan.MaxStagingBytes(kF32), 0);
  PlannedTensor& matrix = plan.modules.back().weight;
  matrix.source.bytes.remove_prefix(1);
  EXPECT_EQ(matrix.StagingBytes(kF32), 11 * 8 * 4);
  EXPECT_EQ(matrix.StagingBytes(kBf16), 11 * 8 * (4 + 2));
  EXPECT_EQ(plan.MaxStagingBytes(kBf16), 11 * 8 * (4 + 2));
}

TEST_F(WeightPlanTest, OnlySixteenBitMatricesCountAsHalfPrecision) {
  ASSERT_OK_AND_ASSIGN(const WeightPlan full, Plan(TinyTensors()));
  EXPECT_FALSE(full.HasHalfPrecision());
  std::vector<FileTensor> tensors = TinyTensors(Dtype::kBF16);
  for (FileTensor& tensor : tensors) {
    if (tensor.shape.size() == 1) tensor.dtype = Dtype::kF32;
  }
  ASSERT_OK_AND_ASSIGN(const WeightPlan half, Plan(tensors));
  EXPECT_TRUE(half.HasHalfPrecision());
}

}  // namespace
}  // namespace lora
