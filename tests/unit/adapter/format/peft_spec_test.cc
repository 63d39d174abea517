// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_spec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/format/format_test_util.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kQ0[] = "model.layers.0.self_attn.q_proj";
constexpr char kV0[] = "model.layers.0.self_attn.v_proj";

std::vector<TestTensor> Join(std::vector<TestTensor> first,
                             const std::vector<TestTensor>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::vector<TestTensor> WithDtype(std::vector<TestTensor> tensors,
                                  Dtype dtype) {
  for (TestTensor& tensor : tensors) tensor.dtype = dtype;
  return tensors;
}

// `fields` beside rank 2, alpha 3 and q_proj and v_proj of layer 0 as targets.
absl::StatusOr<AdapterSpec> Build(const std::vector<TestTensor>& tensors,
                                  absl::string_view fields = "",
                                  const AdapterLoadOptions& options = {}) {
  const std::string file = FileWith(tensors);
  LORA_ASSIGN_OR_RETURN(const SafetensorsHeader header,
                        SafetensorsHeader::Parse(file, file.size()));
  const BaseModelSpec base = TinyLlama();
  LORA_ASSIGN_OR_RETURN(
      const PeftConfig config,
      ParsePeftConfig(
          absl::StrCat(R"({"peft_type":"LORA","r":2,"lora_alpha":3,)"
                       R"("target_modules":"model.layers.0.*(q|v)_proj")",
                       fields, "}"),
          base, options, 64));
  LORA_ASSIGN_OR_RETURN(const ModuleMatcher matcher,
                        ModuleMatcher::Create(config, base.model_type));
  return BuildPeftSpec(header, config, matcher, base, options);
}

TEST(PeftSpecTest, ModulesComeInTheBasesOrder) {
  ASSERT_OK_AND_ASSIGN(const AdapterSpec spec,
                       Build(Join(PairOf(kV0, 8, 4, 2), PairOf(kQ0, 8, 8, 2))));
  ASSERT_EQ(spec.modules.size(), 2u);
  EXPECT_EQ(spec.modules[0].module_index, 2);
  EXPECT_EQ(spec.modules[1].module_index, 3);
  EXPECT_THAT(spec.target_modules, ElementsAre("q_proj", "v_proj"));
  EXPECT_THAT(spec.warnings, IsEmpty());
}

TEST(PeftSpecTest, ScalingIsAlphaByRankOrByItsRoot) {
  const auto tensors = Join(PairOf(kV0, 8, 4, 2), PairOf(kQ0, 8, 8, 4));
  constexpr char kRank[] = R"(,"rank_pattern":{"q_proj":4})";
  ASSERT_OK_AND_ASSIGN(const AdapterSpec plain, Build(tensors, kRank));
  EXPECT_EQ(plain.modules[0].scaling, 3.0f / 4);
  EXPECT_EQ(plain.modules[1].scaling, 3.0f / 2);
  EXPECT_EQ(plain.max_rank, 4);
  ASSERT_OK_AND_ASSIGN(
      const AdapterSpec rslora,
      Build(tensors, absl::StrCat(kRank, R"(,"use_rslora":true,)"
                                         R"("alpha_pattern":{"q_proj":8})")));
  EXPECT_EQ(rslora.modules[0].scaling, 4.0f);
  EXPECT_FLOAT_EQ(rslora.modules[1].scaling, 2.1213203f);
}

TEST(PeftSpecTest, ARankOverBothSidesOfTheModuleIsLegal) {
  EXPECT_OK(Build(PairOf(kV0, 8, 4, 32), R"(,"rank_pattern":{".*":32})"));
}

TEST(PeftSpecTest, FloatTypesAreAcceptedAndConversionsTold) {
  for (const auto& [dtype, expected, warns] :
       std::vector<std::tuple<Dtype, AdapterDtype, bool>>{
           {Dtype::kF32, AdapterDtype::kF32, false},
           {Dtype::kBF16, AdapterDtype::kBF16, false},
           {Dtype::kF16, AdapterDtype::kF16, true},
           {Dtype::kF64, AdapterDtype::kF64, true}}) {
    ASSERT_OK_AND_ASSIGN(const AdapterSpec spec,
                         Build(Join(WithDtype(PairOf(kQ0, 8, 8, 2), dtype),
                                    WithDtype(PairOf(kV0, 8, 4, 2), dtype))));
    EXPECT_EQ(spec.dtype, expected);
    EXPECT_EQ(!spec.warnings.empty(), warns);
  }
}

TEST(PeftSpecTest, SkipUntargetedLeavesModulesOutAndWarns) {
  const auto tensors = Join(PairOf(kQ0, 8, 8, 2),
                            PairOf("model.layers.1.mlp.down_proj", 16, 8, 2));
  ASSERT_OK_AND_ASSIGN(const AdapterSpec spec,
                       Build(tensors, "", {.skip_untargeted = true}));
  EXPECT_EQ(spec.modules.size(), 1u);
  EXPECT_THAT(spec.warnings[0], HasSubstr("down_proj"));
  EXPECT_THAT(
      Build(PairOf("model.layers.1.mlp.down_proj", 16, 8, 2), "",
            {.skip_untargeted = true}),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kEmpty));
}

TEST(PeftSpecTest, TargetsWithoutTensorsAndUnusedPatternsAreTold) {
  ASSERT_OK_AND_ASSIGN(
      const AdapterSpec spec,
      Build(PairOf(kQ0, 8, 8, 2), R"(,"alpha_pattern":{"o_proj":1})"));
  EXPECT_THAT(spec.warnings,
              ElementsAre(HasSubstr("v_proj"), HasSubstr("o_proj")));
}

TEST(PeftSpecTest, WeightsThatDoNotFitAreRefusedForTheirReason) {
  struct Case {
    std::vector<TestTensor> tensors;
    absl::StatusCode code;
    ErrorReason reason;
    std::string message;
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
  const std::string a =
      absl::StrCat("base_model.model.", kQ0, ".lora_A.weight");
  const std::string b =
      absl::StrCat("base_model.model.", kQ0, ".lora_B.weight");
  for (const Case& c : std::vector<Case>{
           {PairOf("model.layers.9.self_attn.q_proj", 8, 8, 2), kPrecondition,
            ErrorReason::kModuleNotFound, "another base"},
           {PairOf("model.layers.0.input_layernorm", 8, 8, 2), kPrecondition,
            ErrorReason::kModuleType, "input_layernorm"},
           {PairOf("model.embed_tokens", 8, 32, 2), kPrecondition,
            ErrorReason::kModuleType, "embed_tokens"},
           {PairOf("model.layers.1.self_attn.q_proj", 8, 8, 2), kInvalid,
            ErrorReason::kUntargeted, "skip_untargeted"},
           {PairOf(kQ0, 7, 8, 2), kPrecondition, ErrorReason::kShapeBase,
            "[2, 7]"},
           {PairOf(kQ0, 8, 9, 2), kPrecondition, ErrorReason::kShapeBase,
            "[9, 2]"},
           {{{a, {2, 8}}, {b, {8, 3}}}, kInvalid, ErrorReason::kShapePair, kQ0},
           {{{a, {2, 8, 1}}, {b, {8, 2}}},
            kInvalid,
            ErrorReason::kShapePair,
            "[2, 8, 1]"},
           {{{a, {0, 8}}, {b, {8, 0}}}, kInvalid, ErrorReason::kShapePair, ""},
           {PairOf(kQ0, 8, 8, 3), kInvalid, ErrorReason::kRankMismatch,
            "rank 3"},
           {WithDtype(PairOf(kQ0, 8, 8, 2), Dtype::kI32), kInvalid,
            ErrorReason::kStDtype, "I32"},
           {WithDtype(PairOf(kQ0, 8, 8, 2), Dtype::kBool), kInvalid,
            ErrorReason::kStDtype, "BOOL"},
           {WithDtype(PairOf(kQ0, 8, 8, 2), Dtype::kF8E4M3),
            absl::StatusCode::kUnimplemented, ErrorReason::kStDtype, "F8_E4M3"},
           {Join(PairOf(kQ0, 8, 8, 2),
                 WithDtype(PairOf(kV0, 8, 4, 2), Dtype::kBF16)),
            absl::StatusCode::kUnimplemented, ErrorReason::kStDtype,
            "one type"},
       }) {
    const auto spec = Build(c.tensors);
    EXPECT_THAT(spec, StatusIs(c.code, c.reason)) << c.tensors[0].name;
    EXPECT_THAT(spec, MessageIs(HasSubstr(c.message)));
  }
}

TEST(PeftSpecTest, AtMostTenMissingModulesAreListed) {
  std::vector<TestTensor> tensors;
  for (int i = 10; i < 23; ++i) {
    tensors = Join(tensors, PairOf(absl::StrCat("layers.", i), 8, 8, 2));
  }
  const auto spec = Build(tensors);
  EXPECT_THAT(spec, MessageIs(HasSubstr("layers.19 and 3 more")));
}

TEST(PeftSpecTest, AnAlphaBeyondFloatIsRefused) {
  EXPECT_THAT(
      Build(PairOf(kQ0, 8, 8, 2), R"(,"alpha_pattern":{"q_proj":1e300})"),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kAlpha));
}

}  // namespace
}  // namespace lora
