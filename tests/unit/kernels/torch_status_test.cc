// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/torch_status.h"

#include <ATen/ops/empty.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "server/base/error.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(TorchGuardTest, ReturnsWhatTheBodyReturns) {
  EXPECT_TRUE(TorchGuard([] { return absl::OkStatus(); }).ok());
  const absl::Status status =
      TorchGuard([] { return absl::NotFoundError("no such thing"); });
  EXPECT_EQ(status, absl::NotFoundError("no such thing"));
}

TEST(TorchGuardTest, AFailedOperationIsInternalWithItsFirstLine) {
  const absl::Status status = TorchGuard([] {
    at::empty({2, 3}).view({7});
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(GetErrorReason(status), ErrorReason::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("shape '[7]'"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\n")));
}

TEST(TorchGuardTest, AFailedAllocationIsResourceExhausted) {
  const absl::Status status = TorchGuard([] {
    at::empty({int64_t{1} << 60}, at::dtype(at::kByte));
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorReason(status), ErrorReason::kMemory);
}

TEST(TorchGuardTest, ABadAllocIsResourceExhausted) {
  const absl::Status status =
      TorchGuard([]() -> absl::Status { throw std::bad_alloc(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorReason(status), ErrorReason::kMemory);
}

TEST(TorchGuardTest, AnyOtherExceptionIsInternal) {
  const absl::Status status = TorchGuard(
      []() -> absl::Status { throw std::runtime_error("first\nsecond"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "first");
}

}  // namespace
}  // namespace lora
