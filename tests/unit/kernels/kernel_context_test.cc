// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/kernel_context.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace lora {
namespace {

TEST(KernelContextTest, ScratchIsAlignedAndLargeEnough) {
  KernelContext context(1);
  for (const size_t bytes : {1, 63, 64, 1000, 1 << 20}) {
    void* scratch = context.Scratch(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(scratch) % 64, 0u);
    std::memset(scratch, 1, bytes);
  }
}

TEST(KernelContextTest, ScratchThatSufficesIsKept) {
  KernelContext context(1);
  void* large = context.Scratch(4096);
  EXPECT_EQ(context.Scratch(10), large);
  EXPECT_EQ(context.Scratch(4096), large);
}

TEST(KernelContextTest, ItsKernelsAreThoseOfTheMachineUnlessNamed) {
  EXPECT_EQ(&KernelContext(1).kernels(), &BestCpuKernels());
  EXPECT_EQ(&KernelContext(1, PortableKernels()).kernels(), &PortableKernels());
}

}  // namespace
}  // namespace lora
