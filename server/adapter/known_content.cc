// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/known_content.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora {
namespace {

bool IsAboutContent(const absl::Status& error) {
  return absl::IsInvalidArgument(error) || absl::IsFailedPrecondition(error) ||
         absl::IsUnimplemented(error) || absl::IsNotFound(error);
}

}  // namespace

absl::Status KnownContentError(const absl::Status& error,
                               absl::string_view digest) {
  if (!IsAboutContent(error)) return error;
  return Error(absl::StatusCode::kDataLoss, GetErrorReason(error),
               absl::StrCat(error.message(),
                            "; they were whole when they were loaded with the "
                            "digest ",
                            digest,
                            ": restore the files, or load the adapter again "
                            "with replace"));
}

}  // namespace lora
