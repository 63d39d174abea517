// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/cpu/select.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace lora {
namespace {

TEST(SelectTest, ThePortableTableIsTheLastResort) {
  ASSERT_FALSE(SupportedCpuKernels().empty());
  EXPECT_EQ(SupportedCpuKernels().back(), &PortableKernels());
}

TEST(SelectTest, TheBestIsTheFirstSupported) {
  EXPECT_EQ(&BestCpuKernels(), SupportedCpuKernels().front());
}

TEST(SelectTest, TablesHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const CpuKernels* kernels : SupportedCpuKernels()) {
    EXPECT_TRUE(names.insert(kernels->name).second) << kernels->name;
    EXPECT_EQ(kernels->f32.element_size, 4);
    EXPECT_EQ(kernels->bf16.element_size, 2);
  }
}

}  // namespace
}  // namespace lora
