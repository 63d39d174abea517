// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_key.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora {

absl::Status CheckAdapterId(absl::string_view id) {
  constexpr size_t kMaxLength = 128;
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  };
  if (!id.empty() && id.size() <= kMaxLength && absl::ascii_isalnum(id[0]) &&
      std::all_of(id.begin(), id.end(), allowed)) {
    return absl::OkStatus();
  }
  return Error(
      absl::StatusCode::kInvalidArgument, ErrorReason::kAdapterId,
      absl::StrCat("adapter id '", absl::CHexEscape(id.substr(0, kMaxLength)),
                   "' (", id.size(), " bytes) is not valid: use 1 to ",
                   kMaxLength,
                   " letters, digits, '.', '_' or '-', with a "
                   "letter or digit first"));
}

std::string AdapterLabel(const AdapterId& id, absl::string_view source) {
  if (CheckAdapterId(id.value()).ok()) {
    return absl::StrCat("adapter \"", id.value(), "\"");
  }
  return absl::StrCat("the adapter in \"", source, "\"");
}

}  // namespace lora
