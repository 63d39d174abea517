// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/torch_status.h"

#include <c10/util/Exception.h>

#include <exception>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"

namespace lora {
namespace {

absl::string_view FirstLine(absl::string_view text) {
  return text.substr(0, text.find('\n'));
}

absl::Status OutOfMemory(absl::string_view detail) {
  return Error(absl::StatusCode::kResourceExhausted, ErrorReason::kMemory,
               absl::StrCat("memory allocation failed: ", FirstLine(detail),
                            "; free memory or lower the memory budgets"));
}

}  // namespace

absl::Status TorchGuard(absl::FunctionRef<absl::Status()> body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError& error) {
    return OutOfMemory(error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const absl::string_view what = error.what_without_backtrace();
    // The CPU allocator's failure has no type of its own.
    if (absl::StrContains(what, "can't allocate memory")) {
      return OutOfMemory(what);
    }
    return Error(absl::StatusCode::kInternal, ErrorReason::kInternal,
                 absl::StrCat("Torch: ", FirstLine(what)));
  } catch (const std::bad_alloc& error) {
    return OutOfMemory(error.what());
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kInternal, ErrorReason::kInternal,
                 FirstLine(error.what()));
  }
}

}  // namespace lora
