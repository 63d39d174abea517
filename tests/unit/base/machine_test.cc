// SPDX-License-Identifier: Apache-2.0
#include "server/base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <optional>

#include "gtest/gtest.h"

namespace lora {
namespace {

TEST(ParseCpuQuotaTest, AQuotaIsInWholeCpus) {
  EXPECT_EQ(ParseCpuQuota("200000 100000\n"), 2);
  EXPECT_EQ(ParseCpuQuota("199999 100000\n"), 1);
  EXPECT_EQ(ParseCpuQuota("800000 50000"), 16);
}

TEST(ParseCpuQuotaTest, APartOfACpuCountsAsOne) {
  EXPECT_EQ(ParseCpuQuota("50000 100000"), 1);
  EXPECT_EQ(ParseCpuQuota("1 100000"), 1);
}

TEST(ParseCpuQuotaTest, NoQuotaAndWhatIsNoneAreNone) {
  for (const char* text :
       {"max 100000", "max 100000\n", "", "\n", "x 1", "1 x", "-1 100000",
        "100000 -1", "0 100000", "100000 0", "100000", "1 2 3"}) {
    EXPECT_EQ(ParseCpuQuota(text), std::nullopt) << text;
  }
}

TEST(ParseMemoryLimitTest, ALimitIsInBytes) {
  EXPECT_EQ(ParseMemoryLimit("1073741824\n"), 1073741824);
  EXPECT_EQ(ParseMemoryLimit("9223372036854771712"), 9223372036854771712);
}

TEST(ParseMemoryLimitTest, NoLimitAndWhatIsNoneAreNone) {
  for (const char* text : {"max", "max\n", "", "\n", "x", "-1", "0", "1 2",
                           "1G", "99999999999999999999"}) {
    EXPECT_EQ(ParseMemoryLimit(text), std::nullopt) << text;
  }
}

TEST(MachineTest, WhatIsAvailableIsPartOfTheMachine) {
  EXPECT_GE(AvailableCpus(), 1);
  EXPECT_LE(AvailableCpus(), sysconf(_SC_NPROCESSORS_CONF));
  EXPECT_GT(AvailableMemoryBytes(), 0);
  EXPECT_LE(AvailableMemoryBytes(),
            int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE));
}

TEST(MachineTest, AvailableCpusKeepToTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(AvailableCpus(), 1);
  EXPECT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace lora
