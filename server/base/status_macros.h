// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_STATUS_MACROS_H_
#define LORA_SERVER_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expr` from the enclosing function unless it is OK.
#define LORA_RETURN_IF_ERROR(expr)                      \
  do {                                                  \
    if (absl::Status _status = (expr); !_status.ok()) { \
      return _status;                                   \
    }                                                   \
  } while (false)

// Assigns the value of `expr`, a StatusOr, to `lhs`, or returns its status.
#define LORA_ASSIGN_OR_RETURN(lhs, expr) \
  LORA_ASSIGN_OR_RETURN_IMPL_(LORA_CONCAT_(_status_or_, __LINE__), lhs, expr)

#define LORA_CONCAT_INNER_(x, y) x##y
#define LORA_CONCAT_(x, y) LORA_CONCAT_INNER_(x, y)
#define LORA_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                \
  if (!tmp.ok()) return std::move(tmp).status();    \
  lhs = *std::move(tmp)

#endif  // LORA_SERVER_BASE_STATUS_MACROS_H_
