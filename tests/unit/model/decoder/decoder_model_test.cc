// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_model.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/kernels/cpu/select.h"
#include "server/model/decoder/workspace.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/model/model_folder.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kBroken = absl::StatusCode::kFailedPrecondition;

class DecoderModelTest : public testing::Test {
 protected:
  void Write(Dtype dtype = Dtype::kF32) {
    folder_.Write("config.json", kTinyConfig);
    folder_.WriteTensors("model.safetensors", TinyTensors(dtype));
  }

  absl::StatusOr<std::unique_ptr<DecoderModel>> Load(
      const LoadOptions& options = {}) {
    return DecoderModel::Load(folder_.path(), options);
  }

  const ModelFolder folder_;
};

// One sequence of `tokens` from its first position on.
StepInputs Prompt(std::vector<int32_t> tokens,
                  const std::vector<int32_t>& blocks) {
  const int32_t rows = static_cast<int32_t>(tokens.size());
  StepInputs inputs;
  inputs.sequences = {{.row_begin = 0,
                       .row_end = rows,
                       .position_begin = 0,
                       .prompt_length = rows,
                       .block_table = blocks}};
  inputs.token_ids = std::move(tokens);
  const std::vector<RowAdapters> adapters = {{.num_rows = rows}};
  inputs.adapters = BuildStepAdapters(adapters);
  return inputs;
}

TEST_F(DecoderModelTest, SpecTellsNameTypeAndModules) {
  Write();
  ASSERT_OK_AND_ASSIGN(const auto model, Load());
  const BaseModelSpec& spec = model->spec();
  EXPECT_TRUE(folder_.path().ends_with("/" + spec.name));
  EXPECT_THAT(spec.name, Not(IsEmpty()));
  EXPECT_EQ(spec.model_type, "llama");
  EXPECT_EQ(spec.vocab_size, 11);
  EXPECT_EQ(spec.fingerprint.size(), 64u);
  EXPECT_TRUE(spec.FindModule("model.layers.1.mlp.down_proj").has_value());
  EXPECT_THAT(model->config().eos_token_ids, ElementsAre(2));
}

TEST_F(DecoderModelTest, TheNameIsTheFoldersHoweverItIsWritten) {
  Write();
  ASSERT_OK_AND_ASSIGN(const auto plain, Load());
  for (const char* suffix : {"/", "//", "/."}) {
    ASSERT_OK_AND_ASSIGN(const auto model,
                         DecoderModel::Load(folder_.path() + suffix, {}));
    EXPECT_EQ(model->spec().name, plain->spec().name) << suffix;
  }
}

TEST_F(DecoderModelTest, WeightsAreThoseOfTheFile) {
  Write();
  ASSERT_OK_AND_ASSIGN(const auto model, Load());
  for (const char* path : {"lm_head", "model.layers.1.mlp.gate_proj"}) {
    const int32_t index = *model->spec().FindModule(path);
    const BaseModule& module = model->spec().modules[index];
    EXPECT_EQ(model->weight(index).out_features(), module.out_features);
    EXPECT_EQ(model->weight(index).in_features(), module.in_features);
  }
}

TEST_F(DecoderModelTest, TheFingerprintChangesWithConfigAndWeights) {
  Write();
  const std::string first = (*Load())->spec().fingerprint;
  EXPECT_EQ((*Load())->spec().fingerprint, first);
  folder_.Write("config.json", absl::StrCat(kTinyConfig, " "));
  EXPECT_NE((*Load())->spec().fingerprint, first);
  Write(Dtype::kBF16);
  EXPECT_NE((*Load())->spec().fingerprint, first);
}

TEST_F(DecoderModelTest, AutoKeepsFloat32FilesInFloat32) {
  Write();
  EXPECT_EQ((*Load())->dtype(), at::kFloat);
  EXPECT_EQ((*Load({.dtype = ModelDtype::kBF16}))->dtype(), at::kBFloat16);
}

TEST_F(DecoderModelTest, AutoKeepsBf16FilesWhereTheProcessorHasBf16) {
  Write(Dtype::kBF16);
  EXPECT_EQ((*Load())->dtype(), HasNativeBf16() ? at::kBFloat16 : at::kFloat);
  EXPECT_EQ((*Load({.dtype = ModelDtype::kF32}))->dtype(), at::kFloat);
}

TEST_F(DecoderModelTest, WhatTheModelTakesIsAskedForBeforeAnythingIsLoaded) {
  Write();
  int64_t asked_bytes = 0;
  int64_t asked_block_bytes = 0;
  int64_t asked_row_bytes = 0;
  int64_t asked_logit_row_bytes = 0;
  bool loaded = false;
  LoadOptions options{.admit =
                          [&](const ModelNeeds& needs) {
                            EXPECT_FALSE(loaded);
                            asked_bytes = needs.weight_bytes;
                            asked_block_bytes =
                                KvCache::BytesPerBlock(needs.kv);
                            asked_row_bytes = needs.row_bytes;
                            asked_logit_row_bytes = needs.logit_row_bytes;
                            return absl::OkStatus();
                          },
                      .progress = [&](int64_t, int64_t) { loaded = true; }};
  ASSERT_OK_AND_ASSIGN(const auto model, Load(options));
  EXPECT_TRUE(loaded);
  EXPECT_EQ(asked_bytes, model->weight_bytes());
  EXPECT_EQ(asked_block_bytes, KvCache::BytesPerBlock(model->kv_shape()));
  const WeightFormat format = {.dtype = model->dtype()};
  EXPECT_EQ(5 * asked_row_bytes + 2 * asked_logit_row_bytes,
            Workspace::Bytes(model->config(), format, 5, 2));

  loaded = false;
  options.admit = [](const ModelNeeds&) {
    return absl::ResourceExhaustedError("no room");
  };
  EXPECT_THAT(Load(options),
              AllOf(StatusIs(absl::StatusCode::kResourceExhausted),
                    MessageIs("no room")));
  EXPECT_FALSE(loaded);
}

TEST_F(DecoderModelTest, LoadingNeedsTheLargestMatrixTwiceToConvertIt) {
  Write(Dtype::kBF16);
  std::vector<int64_t> staging;
  for (const ModelDtype dtype : {ModelDtype::kF32, ModelDtype::kBF16}) {
    EXPECT_OK(Load({.dtype = dtype, .admit = [&](const ModelNeeds& needs) {
                      staging.push_back(needs.staging_bytes);
                      return absl::OkStatus();
                    }}));
  }
  EXPECT_THAT(staging, ElementsAre(12 * 8 * 4, 0));
}

TEST_F(DecoderModelTest, ParametersAreCountedAsInTheFile) {
  Write();
  int64_t elements = 0;
  for (const FileTensor& tensor : TinyTensors()) {
    int64_t count = 1;
    for (const int64_t size : tensor.shape) count *= size;
    elements += count;
  }
  for (const ModelDtype dtype : {ModelDtype::kF32, ModelDtype::kBF16}) {
    EXPECT_EQ((*Load({.dtype = dtype}))->num_parameters(), elements);
  }
}

TEST_F(DecoderModelTest, ProgressEndsWithAllBytes) {
  Write();
  std::vector<int64_t> loaded;
  int64_t total = 0;
  ASSERT_OK_AND_ASSIGN(
      const auto model,
      Load({.progress = [&](int64_t loaded_bytes, int64_t total_bytes) {
        loaded.push_back(loaded_bytes);
        total = total_bytes;
      }}));
  EXPECT_LE(loaded.size(), 10u);
  EXPECT_TRUE(std::is_sorted(loaded.begin(), loaded.end()));
  EXPECT_EQ(loaded.back(), total);
  EXPECT_EQ(total, model->weight_bytes());
}

TEST_F(DecoderModelTest, ShardsGiveTheSameLogitsAsOneFile) {
  const std::vector<int32_t> blocks = {0};
  const auto logits = [&]() {
    const auto model = *Load();
    KernelContext context(1);
    KvCache cache = *KvCache::Create(model->kv_shape(), 1, at::kCPU);
    StepInputs inputs = Prompt({3, 5, 1}, blocks);
    inputs.logit_rows = {0, 2};
    return model->Forward(context, inputs, cache)->clone();
  };
  Write();
  const at::Tensor single = logits();
  EXPECT_THAT(single.sizes().vec(), ElementsAre(2, 11));
  EXPECT_EQ(single.scalar_type(), at::kFloat);

  std::string map;
  std::vector<FileTensor> tensors = TinyTensors();
  for (size_t shard = 0; shard < 2; ++shard) {
    const std::string name = absl::StrCat("part", shard, ".safetensors");
    std::vector<FileTensor> part;
    for (size_t i = shard; i < tensors.size(); i += 2) {
      part.push_back(tensors[i]);
      absl::StrAppend(&map, map.empty() ? "" : ", ", "\"", tensors[i].name,
                      "\": \"", name, "\"");
    }
    folder_.WriteTensors(name, part);
  }
  folder_.Remove("model.safetensors");
  folder_.Write("model.safetensors.index.json",
                absl::StrCat("{\"weight_map\": {", map, "}}"));
  EXPECT_TRUE(at::equal(logits(), single));
}

TEST_F(DecoderModelTest, Bf16LogitsAreCloseToThoseOfFloat32) {
  Write(Dtype::kBF16);
  const std::vector<int32_t> blocks = {0};
  std::vector<at::Tensor> logits;
  for (const ModelDtype dtype : {ModelDtype::kF32, ModelDtype::kBF16}) {
    ASSERT_OK_AND_ASSIGN(const auto model, Load({.dtype = dtype}));
    KernelContext context(1);
    KvCache cache = *KvCache::Create(model->kv_shape(), 1, at::kCPU);
    StepInputs inputs = Prompt({3, 5, 1, 9}, blocks);
    inputs.logit_rows = {0, 1, 2, 3};
    ASSERT_OK_AND_ASSIGN(const at::Tensor result,
                         model->Forward(context, inputs, cache));
    logits.push_back(result.clone());
  }
  EXPECT_TRUE(at::allclose(logits[0], logits[1], 0.05, 0.05));
  EXPECT_FALSE(at::equal(logits[0], logits[1]));
}

TEST_F(DecoderModelTest, AStepWithoutLogitRowsWritesTheCacheAlone) {
  Write();
  ASSERT_OK_AND_ASSIGN(const auto model, Load());
  KernelContext context(1);
  const std::vector<int32_t> blocks = {1};
  KvCache cache = *KvCache::Create(model->kv_shape(), 2, at::kCPU);
  cache.keys(1).fill_(77.0f);
  ASSERT_OK_AND_ASSIGN(const at::Tensor logits,
                       model->Forward(context, Prompt({3, 5}, blocks), cache));
  EXPECT_THAT(logits.sizes().vec(), ElementsAre(0, 11));
  const at::Tensor& keys = cache.keys(1);
  EXPECT_NE(keys[1][0][1][0].item().toFloat(), 77.0f);
  EXPECT_EQ(keys[1][0][2][0].item().toFloat(), 77.0f);
  EXPECT_EQ(keys[0][0][0][0].item().toFloat(), 77.0f);
}

TEST_F(DecoderModelTest, InputsThatBreakInvariantsAreInternalErrors) {
  Write();
  ASSERT_OK_AND_ASSIGN(const auto model, Load());
  KernelContext context(1);
  const std::vector<int32_t> blocks = {0};
  KvCache cache = *KvCache::Create(model->kv_shape(), 1, at::kCPU);
  EXPECT_THAT(model->Forward(context, Prompt({11}, blocks), cache),
              StatusIs(absl::StatusCode::kInternal, ErrorReason::kInternal));
}

TEST_F(DecoderModelTest, AFolderWithoutAConfigIsRefused) {
  EXPECT_THAT(Load(), AllOf(StatusIs(kBroken, ErrorReason::kBase),
                            MessageIs(HasSubstr("config.json"))));
  EXPECT_THAT(DecoderModel::Load(folder_.path() + "/nowhere", {}),
              StatusIs(kBroken, ErrorReason::kBase));
}

TEST_F(DecoderModelTest, EveryRefusalNamesTheFolder) {
  folder_.Write("config.json", kTinyConfig);
  EXPECT_THAT(Load(), MessageIs(HasSubstr(folder_.path())));
  folder_.WriteTensors("model.safetensors",
                       Without(TinyTensors(), "model.norm.weight"));
  EXPECT_THAT(Load(), AllOf(StatusIs(kBroken, ErrorReason::kBase),
                            MessageIs(AllOf(HasSubstr(folder_.path()),
                                            HasSubstr("model.norm.weight")))));
  folder_.Write("config.json", R"({"model_type": "mamba"})");
  EXPECT_THAT(
      Load(),
      AllOf(
          StatusIs(absl::StatusCode::kUnimplemented, ErrorReason::kBaseFeature),
          MessageIs(AllOf(HasSubstr(folder_.path()), HasSubstr("mamba")))));
}

TEST_F(DecoderModelTest, TensorsThatNobodyReadsAreWarnedOf) {
  folder_.Write("config.json", kTinyConfig);
  std::vector<FileTensor> tensors = TinyTensors();
  tensors.push_back({"model.layers.0.self_attn.q_proj.bias", {8}});
  folder_.WriteTensors("model.safetensors", tensors);
  ASSERT_OK_AND_ASSIGN(const auto model, Load());
  EXPECT_THAT(model->config().warnings, ElementsAre(HasSubstr("q_proj.bias")));
}

}  // namespace
}  // namespace lora
