// SPDX-License-Identifier: Apache-2.0
#include "server/base/trim_memory.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace lora {
namespace {

int64_t ResidentBytes() {
  int64_t total_pages = 0;
  int64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * ::sysconf(_SC_PAGESIZE);
}

TEST(TrimMemoryTest, WhatWasFreedInTheMiddleOfTheHeapIsGivenBack) {
  constexpr size_t kBlockBytes = 64 << 10;  // Of the heap, not mapped.
  constexpr size_t kNumBlocks = 1024;
  std::vector<std::unique_ptr<std::vector<char>>> blocks;
  for (size_t i = 0; i < kNumBlocks; ++i) {
    blocks.push_back(std::make_unique<std::vector<char>>(kBlockBytes, 'x'));
  }
  const auto last = std::move(blocks.back());  // The heap's end stays.
  blocks.clear();
  const int64_t before = ResidentBytes();
  TrimMemory();
  EXPECT_LT(ResidentBytes(), before - int64_t{32} * (1 << 20));
  EXPECT_EQ(last->front(), 'x');
}

}  // namespace
}  // namespace lora
