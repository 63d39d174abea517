// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define LORA_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

// A Status or StatusOr that is OK.
MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}

// A StatusOr that is OK and whose value matches.
MATCHER_P(IsOkAndHolds, value, "is OK and holds what matches") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

// A Status or StatusOr with this code.
MATCHER_P(StatusIs, code, "has the code " + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code;
}

// A Status or StatusOr with this code and reason.
MATCHER_P2(StatusIs, code, reason,
           "has the code " + absl::StatusCodeToString(code) +
               " and the reason " + std::string(ErrorReasonName(reason))) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status << " (" << ErrorReasonName(GetErrorReason(status))
                   << ")";
  return status.code() == code && GetErrorReason(status) == reason;
}

// A Status or StatusOr whose message matches.
MATCHER_P(MessageIs, matcher, "has a message that matches") {
  return ::testing::ExplainMatchResult(
      matcher, std::string(StatusOf(arg).message()), result_listener);
}

}  // namespace lora

#define ASSERT_OK(expr) ASSERT_THAT((expr), ::lora::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT((expr), ::lora::IsOk())

// Assigns the value of `expr`, a StatusOr, to `lhs`, or fails the test.
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_IMPL_(LORA_CONCAT_(_ok_or_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                               \
  ASSERT_OK(tmp);                                  \
  lhs = *std::move(tmp)

#endif  // LORA_TESTS_SUPPORT_STATUS_MATCHERS_H_
