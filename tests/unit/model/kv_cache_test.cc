// SPDX-License-Identifier: Apache-2.0
#include "server/model/kv_cache.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;

constexpr KvCacheShape kShape = {.num_layers = 3,
                                 .num_kv_heads = 2,
                                 .head_dim = 8,
                                 .block_size = 16,
                                 .dtype = at::kBFloat16};

TEST(KvCacheTest, EachLayerHasKeysAndValues) {
  ASSERT_OK_AND_ASSIGN(KvCache cache, KvCache::Create(kShape, 5, at::kCPU));
  EXPECT_EQ(cache.num_blocks(), 5);
  for (int64_t layer = 0; layer < 3; ++layer) {
    for (const at::Tensor& side : {cache.keys(layer), cache.values(layer)}) {
      EXPECT_THAT(side.sizes().vec(), ElementsAre(5, 2, 16, 8));
      EXPECT_EQ(side.scalar_type(), at::kBFloat16);
      EXPECT_TRUE(side.is_contiguous());
    }
    EXPECT_FALSE(cache.keys(layer).is_same(cache.values(layer)));
  }
}

TEST(KvCacheTest, BytesAreWhatIsAllocated) {
  ASSERT_OK_AND_ASSIGN(KvCache cache, KvCache::Create(kShape, 5, at::kCPU));
  int64_t allocated = 0;
  for (int64_t layer = 0; layer < 3; ++layer) {
    allocated += cache.keys(layer).nbytes() + cache.values(layer).nbytes();
  }
  EXPECT_EQ(cache.bytes(), allocated);
  EXPECT_EQ(KvCache::BytesPerBlock(kShape), allocated / 5);
}

TEST(KvCacheTest, MoreThanTheMachineHasIsRefused) {
  EXPECT_THAT(
      KvCache::Create(kShape, int64_t{1} << 48, at::kCPU),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kMemory));
}

}  // namespace
}  // namespace lora
