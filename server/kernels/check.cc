// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/check.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lora::internal {

void CheckFailed(const char* file, int line, const char* condition,
                 const char* message) {
  std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", file, line, condition,
               message);
  std::abort();
}

void CheckShape(const ShapeCheck& check, const at::Tensor& tensor,
                std::initializer_list<int64_t> expected) {
  if (tensor.defined() && tensor.is_contiguous() &&
      std::equal(expected.begin(), expected.end(), tensor.sizes().begin(),
                 tensor.sizes().end())) {
    return;
  }
  const std::string found =
      tensor.defined()
          ? absl::StrCat(tensor.is_contiguous() ? "" : "strided ", "[",
                         absl::StrJoin(tensor.sizes(), ", "), "]")
          : "undefined";
  const std::string message =
      absl::StrCat("is ", found, ", expected contiguous [",
                   absl::StrJoin(expected, ", "), "]");
  CheckFailed(check.file, check.line, check.tensor, message.c_str());
}

}  // namespace lora::internal
