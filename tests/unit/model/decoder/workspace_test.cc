// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/workspace.h"

#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/kernels/memory_meter.h"

namespace lora {
namespace {

using ::testing::ElementsAre;

const DecoderConfig kConfig = {.vocab_size = 11,
                               .hidden_size = 8,
                               .intermediate_size = 12,
                               .num_heads = 3,
                               .num_kv_heads = 1,
                               .head_dim = 4};

class WorkspaceTest : public testing::Test {
 protected:
  Workspace workspace_{kConfig, {.dtype = at::kBFloat16}};
};

TEST_F(WorkspaceTest, ViewsHaveTheStepsShapes) {
  const Workspace::Activations& step = workspace_.ForRows(5);
  EXPECT_THAT(step.residual.sizes().vec(), ElementsAre(5, 8));
  EXPECT_THAT(step.normed.sizes().vec(), ElementsAre(5, 8));
  EXPECT_THAT(step.branch.sizes().vec(), ElementsAre(5, 8));
  EXPECT_THAT(step.q.sizes().vec(), ElementsAre(5, 12));
  EXPECT_THAT(step.k.sizes().vec(), ElementsAre(5, 4));
  EXPECT_THAT(step.v.sizes().vec(), ElementsAre(5, 4));
  EXPECT_THAT(step.attention.sizes().vec(), ElementsAre(5, 12));
  EXPECT_THAT(step.gate.sizes().vec(), ElementsAre(5, 12));
  EXPECT_THAT(step.cos.sizes().vec(), ElementsAre(5, 2));
  EXPECT_EQ(step.residual.scalar_type(), at::kBFloat16);
  EXPECT_EQ(step.cos.scalar_type(), at::kFloat);
  const Workspace::Head& head = workspace_.ForLogitRows(2);
  EXPECT_THAT(head.normed.sizes().vec(), ElementsAre(2, 8));
  EXPECT_THAT(head.logits.sizes().vec(), ElementsAre(2, 11));
  EXPECT_EQ(head.logits.scalar_type(), at::kFloat);
}

TEST_F(WorkspaceTest, SmallerStepsReuseTheMemoryOfLargerOnes) {
  const void* residual = workspace_.ForRows(64).residual.const_data_ptr();
  const void* logits = workspace_.ForLogitRows(8).logits.const_data_ptr();
  for (const int64_t rows : {3, 64, 1}) {
    EXPECT_EQ(workspace_.ForRows(rows).residual.const_data_ptr(), residual);
    EXPECT_TRUE(workspace_.ForRows(rows).residual.is_contiguous());
  }
  for (const int64_t rows : {1, 8}) {
    EXPECT_EQ(workspace_.ForLogitRows(rows).logits.const_data_ptr(), logits);
  }
}

TEST_F(WorkspaceTest, BytesAreWhatIsAllocated) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const WeightFormat format = {.dtype = dtype};
    const MemoryMeter rows_meter;
    Workspace workspace(kConfig, format);
    workspace.ForRows(5);
    EXPECT_EQ(rows_meter.peak_bytes(), Workspace::Bytes(kConfig, format, 5, 0));
    const MemoryMeter head_meter;
    workspace.ForLogitRows(2);
    EXPECT_EQ(head_meter.peak_bytes(), Workspace::Bytes(kConfig, format, 0, 2));
  }
}

TEST_F(WorkspaceTest, GrowingTakesNoMoreThanTheLargestStep) {
  const MemoryMeter meter;
  for (const int64_t rows : {1, 4, 2, 5}) {
    workspace_.ForRows(rows);
    workspace_.ForLogitRows(rows);
  }
  EXPECT_EQ(meter.peak_bytes(),
            Workspace::Bytes(kConfig, {.dtype = at::kBFloat16}, 5, 5));
}

TEST_F(WorkspaceTest, BuffersDoNotOverlap) {
  Workspace::Activations& step = workspace_.ForRows(2);
  step.gate.fill_(1.0f);
  step.up.fill_(2.0f);
  step.gated.fill_(3.0f);
  EXPECT_EQ(step.gate[1][11].item().toFloat(), 1.0f);
  EXPECT_EQ(step.up[0][0].item().toFloat(), 2.0f);
}

}  // namespace
}  // namespace lora
