// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/block_allocator.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace lora {
namespace {

PrefixKey Key(const std::string& name) { return PrefixKey{name}; }

AdapterSet Adapters(const std::string& id) {
  return std::make_shared<const std::vector<WeightedKey>>(
      std::vector<WeightedKey>{
          {.key = {.id = AdapterId(id), .digest = "d"}, .weight = 1.0f}});
}

TEST(BlockAllocatorTest, HandsOutEachBlockOnce) {
  BlockAllocator allocator(3, 16);
  EXPECT_EQ(allocator.Allocate(), 0);
  EXPECT_EQ(allocator.Allocate(), 1);
  EXPECT_EQ(allocator.Allocate(), 2);
  EXPECT_EQ(allocator.Allocate(), std::nullopt);
  EXPECT_EQ(allocator.num_in_use(), 3);
}

TEST(BlockAllocatorTest, AReleasedBlockIsAvailableAgain) {
  BlockAllocator allocator(1, 16);
  const int32_t block = *allocator.Allocate();
  allocator.Release(block);
  EXPECT_EQ(allocator.num_available(), 1);
  EXPECT_EQ(allocator.Allocate(), block);
}

TEST(BlockAllocatorTest, PublishedContentIsFoundWhileInUseAndAfterwards) {
  BlockAllocator allocator(2, 16);
  const int32_t block = *allocator.Allocate();
  allocator.Publish(block, Key("a"), nullptr);
  EXPECT_EQ(allocator.Find(Key("a")), block);
  allocator.Release(block);
  allocator.Release(block);
  EXPECT_EQ(allocator.num_in_use(), 0);
  EXPECT_EQ(allocator.Find(Key("a")), block);
  EXPECT_EQ(allocator.num_in_use(), 1);
}

TEST(BlockAllocatorTest, APeekAtContentTakesNothing) {
  BlockAllocator allocator(2, 16);
  const int32_t block = *allocator.Allocate();
  allocator.Publish(block, Key("a"), nullptr);
  EXPECT_EQ(allocator.Peek(Key("a")), block);
  EXPECT_EQ(allocator.num_references(block), 1);
  allocator.Release(block);
  EXPECT_EQ(allocator.Peek(Key("a")), block);
  EXPECT_EQ(allocator.num_references(block), 0);
  EXPECT_EQ(allocator.Peek(Key("b")), std::nullopt);
}

TEST(BlockAllocatorTest, FreeBlocksAreTakenBeforeCachedOnes) {
  BlockAllocator allocator(2, 16);
  const int32_t block = *allocator.Allocate();
  allocator.Publish(block, Key("a"), nullptr);
  allocator.Release(block);
  EXPECT_NE(allocator.Allocate(), block);
  EXPECT_EQ(allocator.Find(Key("a")), block);
}

TEST(BlockAllocatorTest, TheLongestUnusedContentIsEvictedFirst) {
  BlockAllocator allocator(2, 16);
  const int32_t a = *allocator.Allocate();
  const int32_t b = *allocator.Allocate();
  allocator.Publish(a, Key("a"), nullptr);
  allocator.Publish(b, Key("b"), nullptr);
  allocator.Release(a);
  allocator.Release(b);
  allocator.Release(*allocator.Find(Key("a")));  // Now b is the older one.
  EXPECT_EQ(allocator.Allocate(), b);
  EXPECT_EQ(allocator.Find(Key("b")), std::nullopt);
  EXPECT_EQ(allocator.Find(Key("a")), a);
}

TEST(BlockAllocatorTest, TheSameContentIsPublishedOnce) {
  BlockAllocator allocator(2, 16);
  const int32_t a = *allocator.Allocate();
  const int32_t b = *allocator.Allocate();
  allocator.Publish(a, Key("x"), nullptr);
  allocator.Publish(b, Key("x"), nullptr);
  EXPECT_EQ(allocator.Find(Key("x")), a);
  allocator.Release(b);
  EXPECT_EQ(allocator.num_available(), 1);  // b was free at once, not cached.
  EXPECT_TRUE(allocator.CheckIntegrity().ok());
}

TEST(BlockAllocatorTest, ForgetAdapterDropsItsContentAndNoOther) {
  BlockAllocator allocator(3, 16);
  const int32_t a = *allocator.Allocate();
  const int32_t b = *allocator.Allocate();
  const int32_t base = *allocator.Allocate();
  allocator.Publish(a, Key("a"), Adapters("a"));
  allocator.Publish(b, Key("b"), Adapters("b"));
  allocator.Publish(base, Key("base"), nullptr);
  allocator.Release(a);
  allocator.ForgetAdapter({.id = AdapterId("a"), .digest = "d"});
  EXPECT_EQ(allocator.Find(Key("a")), std::nullopt);
  EXPECT_EQ(allocator.Find(Key("b")), b);
  EXPECT_EQ(allocator.Find(Key("base")), base);
  EXPECT_TRUE(allocator.CheckIntegrity().ok());
}

TEST(BlockTableTest, ExtendTakesJustTheBlocksThatAreMissing) {
  BlockAllocator allocator(4, 16);
  BlockTable table(&allocator);
  EXPECT_TRUE(table.Extend(1));
  EXPECT_EQ(table.num_blocks(), 1);
  EXPECT_TRUE(table.Extend(16));
  EXPECT_EQ(table.num_blocks(), 1);
  EXPECT_TRUE(table.Extend(17));
  EXPECT_EQ(table.num_blocks(), 2);
}

TEST(BlockTableTest, ExtendChangesNothingWhenTooFewBlocksAreAvailable) {
  BlockAllocator allocator(2, 16);
  BlockTable table(&allocator);
  ASSERT_TRUE(table.Extend(16));
  EXPECT_FALSE(table.Extend(16 * 3));
  EXPECT_EQ(table.num_blocks(), 1);
  EXPECT_EQ(allocator.num_available(), 1);
}

TEST(BlockTableTest, ADestroyedTableGivesItsBlocksBack) {
  BlockAllocator allocator(2, 16);
  {
    BlockTable table(&allocator);
    ASSERT_TRUE(table.Extend(32));
    BlockTable moved = std::move(table);
    EXPECT_EQ(allocator.num_in_use(), 2);
  }
  EXPECT_EQ(allocator.num_in_use(), 0);
}

TEST(BlockTableTest, SharedBlocksAreNotExclusive) {
  BlockAllocator allocator(3, 16);
  BlockTable table(&allocator);
  ASSERT_TRUE(table.Extend(32));
  allocator.Publish(table.ids()[0], Key("first"), nullptr);
  BlockTable other(&allocator);
  ASSERT_TRUE(other.ExtendFromCache(Key("first")));
  EXPECT_EQ(table.num_exclusive(), 1);
  EXPECT_EQ(other.num_exclusive(), 0);
}

TEST(BlockTableTest, TheEndOfAReleasedPrefixIsEvictedBeforeItsBeginning) {
  BlockAllocator allocator(2, 16);
  {
    BlockTable table(&allocator);
    ASSERT_TRUE(table.Extend(32));
    allocator.Publish(table.ids()[0], Key("first"), nullptr);
    allocator.Publish(table.ids()[1], Key("second"), nullptr);
  }
  ASSERT_TRUE(allocator.Allocate().has_value());
  EXPECT_TRUE(allocator.Find(Key("first")).has_value());
  EXPECT_FALSE(allocator.Find(Key("second")).has_value());
}

}  // namespace
}  // namespace lora
