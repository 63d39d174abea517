// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/weight_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/format/format_test_util.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

TEST(ParseWeightNameTest, SplitsModuleRoleAndInfix) {
  struct Case {
    absl::string_view key;
    WeightRole role;
    absl::string_view module;
    absl::string_view infix;
  };
  for (const Case& c : std::vector<Case>{
           {"m.q.lora_A.weight", WeightRole::kLoraA, "m.q", ""},
           {"m.q.lora_B.weight", WeightRole::kLoraB, "m.q", ""},
           {"m.q.lora_A.default.weight", WeightRole::kLoraA, "m.q", "default"},
           {"linear1.lora_B.weight", WeightRole::kLoraB, "linear1", ""},
           {"m.q.lora_velora_embed.default", WeightRole::kTraining, "", ""},
           {"m.lora_monteclora_sampler.x", WeightRole::kTraining, "", ""},
           {"lora_A.weight", WeightRole::kOther, "", ""},
           {"m.q.lora_A", WeightRole::kOther, "", ""},
           {"m.q.lora_A.a.b.weight", WeightRole::kOther, "", ""},
           {"m.q.lora_B.bias", WeightRole::kOther, "", ""},
           {"m.q.lora_a.weight", WeightRole::kOther, "", ""},
           {"weight", WeightRole::kOther, "", ""},
           {"", WeightRole::kOther, "", ""}}) {
    const WeightName name = ParseWeightName(c.key);
    EXPECT_EQ(name.role, c.role) << c.key;
    EXPECT_EQ(name.module, c.module) << c.key;
    EXPECT_EQ(name.infix, c.infix) << c.key;
  }
}

TensorInfo Info(std::string name, std::vector<int64_t> shape = {2, 2}) {
  TensorInfo info;
  info.name = std::move(name);
  info.shape = std::move(shape);
  return info;
}

TEST(RefuseWeightTest, EachForeignTensorHasItsReason) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj";
  struct Case {
    std::string key;
    std::vector<int64_t> shape;
    absl::StatusCode code;
    ErrorReason reason;
  };
  for (const Case& c : std::vector<Case>{
           {q + ".lora_magnitude_vector", {8}, kInvalid, ErrorReason::kDora},
           {q + ".lora_magnitude_vector.weight",
            {8},
            kInvalid,
            ErrorReason::kDora},
           {q + ".lora_B.bias", {8}, kInvalid, ErrorReason::kLoraBias},
           {q + ".lora_B.default.bias", {8}, kInvalid, ErrorReason::kLoraBias},
           {q + ".lora_diag", {2}, kPrecondition, ErrorReason::kBaseMutated},
           {"base_model.model.model.embed_tokens.lora_embedding_A",
            {2, 32},
            kUnimplemented,
            ErrorReason::kFeature},
           {"base_model.model.model.embed_tokens.token_adapter.trainable_tokens"
            "_delta",
            {1, 8},
            kUnimplemented,
            ErrorReason::kFeature},
           {"base_model.model.lm_head.weight",
            {32, 8},
            kUnimplemented,
            ErrorReason::kFeature},
           {"base_model.model.lm_head.weight",
            {40, 8},
            kPrecondition,
            ErrorReason::kSavedModule},
           {"base_model.model.lm_head.modules_to_save.default.weight",
            {32, 8},
            kUnimplemented,
            ErrorReason::kFeature},
           {q + ".base_layer.bias", {8}, kUnimplemented, ErrorReason::kFeature},
           {q + ".hada_w1_a", {8}, kUnimplemented, ErrorReason::kLycorisAlgo},
           {q + ".diff", {8}, kUnimplemented, ErrorReason::kLycorisAlgo},
           {q + ".difference", {8}, kInvalid, ErrorReason::kKeyUnknown},
           {q + ".lora_A", {2, 8}, kInvalid, ErrorReason::kKeyUnknown},
           {q + ".alpha", {}, kInvalid, ErrorReason::kKeyUnknown},
           {"lora_unet_x.lora_down.weight",
            {2, 8},
            kInvalid,
            ErrorReason::kKeyUnknown},
       }) {
    const absl::Status status = RefuseWeight(Info(c.key, c.shape), TinyLlama());
    EXPECT_THAT(status, StatusIs(c.code, c.reason)) << c.key;
    EXPECT_THAT(status, MessageIs(HasSubstr(c.key)));
  }
}

std::vector<TensorInfo> PairNamed(const std::string& module) {
  return {Info(module + ".lora_B.weight"), Info(module + ".lora_A.weight")};
}

BaseModelSpec TwoLinears() {
  BaseModelSpec base;
  base.modules = {{"linear1", ModuleType::kLinear, 64, 128},
                  {"linear2", ModuleType::kLinear, 128, 256}};
  base.IndexModules();
  return base;
}

TEST(PairWeightsTest, EveryPrefixOfPeftsWrappersIsFound) {
  for (const char* prefix : {"base_model.model.", "model.", ""}) {
    const auto tensors = PairNamed(absl::StrCat(prefix, "linear1"));
    ASSERT_OK_AND_ASSIGN(const auto pairs, PairWeights(tensors, TwoLinears()));
    ASSERT_EQ(pairs.size(), 1u);
    EXPECT_EQ(pairs[0].path, "linear1") << prefix;
    EXPECT_THAT(pairs[0].a->name, HasSubstr("lora_A"));
    EXPECT_THAT(pairs[0].b->name, HasSubstr("lora_B"));
  }
}

TEST(PairWeightsTest, ALeadingModelThatThePathHasIsNoPrefix) {
  for (const char* prefix : {"base_model.model.", ""}) {
    const auto tensors =
        PairNamed(absl::StrCat(prefix, "model.layers.0.mlp.down_proj"));
    ASSERT_OK_AND_ASSIGN(const auto pairs, PairWeights(tensors, TinyLlama()));
    EXPECT_EQ(pairs[0].path, "model.layers.0.mlp.down_proj");
  }
}

TEST(PairWeightsTest, APrefixIsDroppedOnlyIfEveryPathThenExists) {
  const std::vector<TensorInfo> tensors = {
      Info("model.linear1.lora_A.weight"), Info("model.linear1.lora_B.weight"),
      Info("model.other.lora_A.weight"), Info("model.other.lora_B.weight")};
  ASSERT_OK_AND_ASSIGN(const auto pairs, PairWeights(tensors, TwoLinears()));
  EXPECT_EQ(pairs[0].path, "model.linear1");
  EXPECT_EQ(pairs[1].path, "model.other");
}

TEST(PairWeightsTest, OneConsistentInfixIsAccepted) {
  const std::vector<TensorInfo> tensors = {
      Info("linear1.lora_A.default.weight"),
      Info("linear1.lora_B.default.weight")};
  ASSERT_OK_AND_ASSIGN(const auto pairs, PairWeights(tensors, TwoLinears()));
  EXPECT_EQ(pairs.size(), 1u);
}

TEST(PairWeightsTest, FilesThatDoNotPairUpAreRefused) {
  struct Case {
    std::vector<std::string> keys;
    absl::StatusCode code;
    ErrorReason reason;
    std::string message;
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const Case& c : std::vector<Case>{
           {{}, kInvalid, ErrorReason::kEmpty, ""},
           {{"m.lora_velora_embed.x"}, kInvalid, ErrorReason::kEmpty, ""},
           {{"linear1.lora_A.weight"},
            kInvalid,
            ErrorReason::kKeyUnpaired,
            "lora_B"},
           {{"linear1.lora_B.weight"},
            kInvalid,
            ErrorReason::kKeyUnpaired,
            "lora_A"},
           {{"linear1.lora_A.x.weight", "linear1.lora_B.y.weight"},
            kInvalid,
            ErrorReason::kKeyInfix,
            "linear1.lora_B.y.weight"},
           {{"linear1.lora_A.weight", "linear1.lora_B.y.weight"},
            kInvalid,
            ErrorReason::kKeyInfix,
            ""},
           {{"linear1.lora_A.weight", "base_model.model.linear1.lora_A.weight"},
            kInvalid,
            ErrorReason::kKeyConflict,
            "base_model.model."},
           {{"linear1.base_layer.lora_A.weight"},
            absl::StatusCode::kUnimplemented,
            ErrorReason::kFeature,
            "target_parameters"},
           {{"linear1.lora_A.weight", "linear1.alpha"},
            kInvalid,
            ErrorReason::kKeyUnknown,
            "linear1.alpha"},
       }) {
    std::vector<TensorInfo> tensors;
    for (const std::string& key : c.keys) tensors.push_back(Info(key));
    const auto pairs = PairWeights(tensors, TwoLinears());
    EXPECT_THAT(pairs, StatusIs(c.code, c.reason));
    EXPECT_THAT(pairs, MessageIs(HasSubstr(c.message)));
  }
}

}  // namespace
}  // namespace lora
