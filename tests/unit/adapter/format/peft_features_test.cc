// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_features.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/format/format_test_util.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

absl::Status Check(absl::string_view fields) {
  const auto config = ParseJson(absl::StrCat("{", fields, "}"));
  EXPECT_OK(config);
  return CheckPeftFeatures(*config, TinyLlama());
}

TEST(PeftFeaturesTest, WhatIsNotImplementedIsRefusedByName) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{
           {"use_dora", "true"},
           {"alora_invocation_tokens", "[1,2]"},
           {"invocation_string", "\"go\""},
           {"lora_bias", "true"},
           {"bias", "\"all\""},
           {"bias", "\"lora_only\""},
           {"modules_to_save", "[\"lm_head\"]"},
           {"modules_to_save", "[\"norm\"]"},
           {"modules_to_save", "[\"self_attn\"]"},
           {"trainable_token_indices", "[0]"},
           {"trainable_token_indices", "{\"embed_tokens\":[31]}"},
           {"target_parameters", "[\"experts.w1\"]"},
           {"layer_replication", "[[0,2],[1,2]]"},
           {"ensure_weight_tying", "true"},
           {"megatron_config", "{}"},
           {"use_qalora", "true"},
           {"use_bdlora", "{}"},
           {"use_bdlora", "true"},
           {"arrow_config", "{}"}}) {
    const absl::Status status = Check(absl::StrCat("\"", name, "\":", value));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 ErrorReason::kFeature))
        << name;
    EXPECT_THAT(status, MessageIs(HasSubstr(name)));
    EXPECT_THAT(status, MessageIs(HasSubstr("adapter_config.json")));
  }
}

TEST(PeftFeaturesTest, TheSameFieldsSwitchedOffAreAccepted) {
  EXPECT_OK(Check(
      R"("use_dora":false,"alora_invocation_tokens":null,"lora_bias":false,)"
      R"("bias":"none","modules_to_save":null,"trainable_token_indices":null,)"
      R"("target_parameters":null,"layer_replication":null,)"
      R"("ensure_weight_tying":false,"megatron_config":null,)"
      R"("megatron_core":"megatron.core","use_qalora":false,)"
      R"("use_bdlora":null,"arrow_config":null,"kasa_config":null,)"
      R"("init_lora_weights":true)"));
}

TEST(PeftFeaturesTest, AnAdapterOfAMutatedBaseIsRefused) {
  for (const char* field :
       {R"("init_lora_weights":"pissa")",
        R"("init_lora_weights":"pissa_niter_16")",
        R"("init_lora_weights":"olora")", R"("init_lora_weights":"OLoRA")",
        R"("init_lora_weights":"corda")", R"("init_lora_weights":"loftq")",
        R"("init_lora_weights":"lora_ga")", R"("kasa_config":{})"}) {
    EXPECT_THAT(Check(field), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       ErrorReason::kBaseMutated))
        << field;
  }
}

TEST(PeftFeaturesTest, NamesThatPeftReadsInAnyCaseAreReadSo) {
  for (const char* name : {"gaussian", "Gaussian", "GAUSSIAN", "mica", "MiCA",
                           "eva", "orthogonal"}) {
    EXPECT_OK(Check(absl::StrCat("\"init_lora_weights\":\"", name, "\"")))
        << name;
  }
  for (const char* name : {"Eva", "Orthogonal"}) {
    EXPECT_THAT(
        Check(absl::StrCat("\"init_lora_weights\":\"", name, "\"")),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kConfigField))
        << name;
  }
}

TEST(PeftFeaturesTest, ValuesThatPeftDoesNotKnowAreRefused) {
  for (const char* field :
       {R"("init_lora_weights":"zeros")", R"("bias":"some")", R"("bias":"")"}) {
    EXPECT_THAT(Check(field), StatusIs(absl::StatusCode::kInvalidArgument,
                                       ErrorReason::kConfigField))
        << field;
  }
}

TEST(PeftFeaturesTest, TokensMustExist) {
  for (const char* field :
       {R"("alora_invocation_tokens":[])", R"("alora_invocation_tokens":[32])",
        R"("alora_invocation_tokens":[-1])",
        R"("trainable_token_indices":[0,32])",
        R"("trainable_token_indices":{"lm_head":[99]})",
        R"("trainable_token_indices":{"lm_head":["a"]})"}) {
    EXPECT_THAT(Check(field), StatusIs(absl::StatusCode::kInvalidArgument,
                                       ErrorReason::kTokens))
        << field;
  }
}

TEST(PeftFeaturesTest, ATaskWithAHeadNeedsABaseWithOne) {
  const absl::Status status = Check(
      R"("task_type":"SEQ_CLS","modules_to_save":["classifier","score"])");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               ErrorReason::kSavedModule));
  EXPECT_THAT(status, MessageIs(HasSubstr("SEQ_CLS")));
}

}  // namespace
}  // namespace lora
