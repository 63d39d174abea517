// SPDX-License-Identifier: Apache-2.0
#include "server/base/status_macros.h"

#include <memory>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

absl::StatusOr<std::unique_ptr<int>> Make(const absl::Status& status) {
  LORA_RETURN_IF_ERROR(status);
  return std::make_unique<int>(1);
}

absl::StatusOr<int> Sum(const absl::Status& first, const absl::Status& second) {
  LORA_ASSIGN_OR_RETURN(const std::unique_ptr<int> a, Make(first));
  LORA_ASSIGN_OR_RETURN(const std::unique_ptr<int> b, Make(second));
  return *a + *b;
}

TEST(StatusMacrosTest, ValuesAreAssignedAndTheFirstErrorReturned) {
  EXPECT_THAT(Sum(absl::OkStatus(), absl::OkStatus()), IsOkAndHolds(2));
  EXPECT_THAT(Sum(absl::DataLossError("x"), absl::AbortedError("y")),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Sum(absl::OkStatus(), absl::AbortedError("y")),
              StatusIs(absl::StatusCode::kAborted));
}

}  // namespace
}  // namespace lora
