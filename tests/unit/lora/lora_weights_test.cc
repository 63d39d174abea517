// SPDX-License-Identifier: Apache-2.0
#include "server/lora/lora_weights.h"

#include <gtest/gtest.h>

#include "tests/unit/lora/lora_test_util.h"

namespace lora {
namespace {

TEST(LoraWeightsTest, ModulesAreFoundByIndex) {
  const auto weights = RandomAdapter(
      {{.module_index = 7, .in_features = 8, .out_features = 4, .rank = 2},
       {.module_index = 3, .in_features = 8, .out_features = 8, .rank = 5}},
      at::kFloat, 1);
  ASSERT_NE(weights->module(7), nullptr);
  EXPECT_EQ(weights->module(7)->a.out_features(), 2);
  ASSERT_NE(weights->module(3), nullptr);
  EXPECT_EQ(weights->module(3)->b.in_features(), 5);
  for (const int32_t absent : {0, 4, 6, 8, 1000}) {
    EXPECT_EQ(weights->module(absent), nullptr) << absent;
  }
  EXPECT_EQ(weights->modules()[0].module_index, 3);
  EXPECT_EQ(weights->modules()[1].module_index, 7);
}

TEST(LoraWeightsTest, DeviceBytesAreThoseOfTheMatrices) {
  const auto weights = RandomAdapter(
      {{.module_index = 0, .in_features = 32, .out_features = 16, .rank = 3}},
      at::kBFloat16, 1);
  EXPECT_EQ(weights->device_bytes(),
            PackedWeight::PackedBytes(3, 32, at::kBFloat16, at::kCPU) +
                PackedWeight::PackedBytes(16, 3, at::kBFloat16, at::kCPU));
}

TEST(LoraWeightsTest, AnAdapterOfNothingHasNoModules) {
  const LoraWeights weights({});
  EXPECT_EQ(weights.module(0), nullptr);
  EXPECT_EQ(weights.device_bytes(), 0);
}

}  // namespace
}  // namespace lora
