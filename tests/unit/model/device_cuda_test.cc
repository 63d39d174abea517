// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/model/device.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

TEST(DeviceCudaTest, AGpuIsThereAndTellsItsFreeMemory) {
  ASSERT_OK(CheckDevice(c10::kCUDA));
  EXPECT_THAT(FreeDeviceBytes(c10::kCUDA),
              IsOkAndHolds(testing::Gt(int64_t{0})));
}

}  // namespace
}  // namespace lora
