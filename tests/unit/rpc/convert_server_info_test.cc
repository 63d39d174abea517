// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_server_info.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(ConvertServerInfoTest, TheBaseModelIsDescribed) {
  const v1::BaseModelInfo base = ToProto(EngineInfo{.base_name = "tiny",
                                                    .model_type = "llama",
                                                    .fingerprint = "f1",
                                                    .num_parameters = 1,
                                                    .weight_bytes = 2,
                                                    .num_layers = 3,
                                                    .vocab_size = 4,
                                                    .max_context = 5,
                                                    .end_token_ids = {6, 7},
                                                    .has_chat_template = true})
                                     .base_model();
  EXPECT_EQ(base.name(), "tiny");
  EXPECT_EQ(base.model_type(), "llama");
  EXPECT_EQ(base.fingerprint(), "f1");
  EXPECT_EQ(base.num_parameters(), 1);
  EXPECT_EQ(base.weight_bytes(), 2);
  EXPECT_EQ(base.num_layers(), 3);
  EXPECT_EQ(base.vocab_size(), 4);
  EXPECT_EQ(base.max_context(), 5);
  EXPECT_THAT(base.end_token_ids(), ::testing::ElementsAre(6, 7));
  EXPECT_TRUE(base.has_chat_template());
}

TEST(ConvertServerInfoTest, WhatTheModelRecommendsIsShown) {
  EngineInfo info;
  v1::SamplingDefaults defaults =
      ToProto(info).base_model().sampling_defaults();
  EXPECT_FALSE(defaults.do_sample() || defaults.in_use());
  EXPECT_FALSE(defaults.has_temperature() || defaults.has_top_k());
  info.sampling = {.do_sample = true,
                   .fields = {.temperature = 0.5f,
                              .top_k = 20,
                              .top_p = 0.25f,
                              .min_p = 0.125f,
                              .repetition_penalty = 1.5f},
                   .in_use = true};
  defaults = ToProto(info).base_model().sampling_defaults();
  EXPECT_TRUE(defaults.do_sample() && defaults.in_use());
  EXPECT_EQ(defaults.temperature(), 0.5f);
  EXPECT_EQ(defaults.top_k(), 20);
  EXPECT_EQ(defaults.top_p(), 0.25f);
  EXPECT_EQ(defaults.min_p(), 0.125f);
  EXPECT_EQ(defaults.repetition_penalty(), 1.5f);
}

TEST(ConvertServerInfoTest, BudgetsAndLoadAreShown) {
  const v1::ServerInfo info = ToProto(EngineInfo{.device = "cpu",
                                                 .dtype = "bf16",
                                                 .threads = 2,
                                                 .kv = {10, 1},
                                                 .host = {20, 2},
                                                 .adapters = {30, 3},
                                                 .merged = {40, 4},
                                                 .running_requests = 5,
                                                 .queued_requests = 6,
                                                 .max_queue = 7});
  EXPECT_EQ(info.device(), "cpu");
  EXPECT_EQ(info.dtype(), "bf16");
  EXPECT_EQ(info.threads(), 2);
  EXPECT_EQ(info.kv_memory().capacity_bytes(), 10);
  EXPECT_EQ(info.kv_memory().used_bytes(), 1);
  EXPECT_EQ(info.host_memory().capacity_bytes(), 20);
  EXPECT_EQ(info.device_memory().capacity_bytes(), 30);
  EXPECT_EQ(info.device_memory().used_bytes(), 3);
  EXPECT_EQ(info.merged_memory().capacity_bytes(), 40);
  EXPECT_EQ(info.running_requests(), 5);
  EXPECT_EQ(info.queued_requests(), 6);
  EXPECT_EQ(info.max_queue(), 7);
}

}  // namespace
}  // namespace lora
