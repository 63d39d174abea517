// SPDX-License-Identifier: Apache-2.0
#include "server/model/device.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(DeviceTest, TheCpuIsAlwaysThere) { EXPECT_OK(CheckDevice(c10::kCPU)); }

TEST(DeviceTest, ABuildWithoutCudaSaysHowToMakeOneThatHasIt) {
  EXPECT_THAT(CheckDevice(c10::kCUDA),
              AllOf(StatusIs(absl::StatusCode::kFailedPrecondition,
                             ErrorReason::kParam),
                    MessageIs(AllOf(HasSubstr("tools/setup --cuda"),
                                    HasSubstr("preset cuda")))));
}

}  // namespace
}  // namespace lora
