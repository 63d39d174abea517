// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_labels.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"

namespace lora {
namespace {

constexpr size_t kMaxLabels = 64;
constexpr size_t kMaxKeyBytes = 128;
constexpr size_t kMaxValueBytes = 1024;

absl::Status Invalid(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
               message);
}

bool HasControlCharacter(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
}

// For a message: no longer than a key may be, and without its control
// characters.
std::string Quoted(absl::string_view key) {
  return absl::StrCat("\"", absl::CHexEscape(key.substr(0, kMaxKeyBytes)),
                      "\"");
}

}  // namespace

absl::Status CheckLabels(const std::map<std::string, std::string>& labels) {
  if (labels.size() > kMaxLabels) {
    return Invalid(absl::StrCat("there are ", labels.size(),
                                " labels; an adapter has at most ",
                                kMaxLabels));
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > kMaxKeyBytes) {
      return Invalid(absl::StrCat("the label key ", Quoted(key), " is ",
                                  key.size(), " bytes long; use 1 to ",
                                  kMaxKeyBytes));
    }
    if (HasControlCharacter(key)) {
      return Invalid(absl::StrCat("the label key ", Quoted(key),
                                  " holds a control character; use none"));
    }
    if (value.size() > kMaxValueBytes) {
      return Invalid(absl::StrCat("the value of label ", Quoted(key), " is ",
                                  value.size(), " bytes long; use at most ",
                                  kMaxValueBytes));
    }
    if (HasControlCharacter(value)) {
      return Invalid(absl::StrCat("the value of label ", Quoted(key),
                                  " holds a control character; use none"));
    }
  }
  return absl::OkStatus();
}

}  // namespace lora
