// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_budget.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora::jinja {
namespace {

constexpr int kMaxDepth = 400;
constexpr size_t kSizePerStep = 64;

absl::Status UsedUp(absl::string_view what) {
  return Error(absl::StatusCode::kResourceExhausted, ErrorReason::kChatTemplate,
               absl::StrCat("the chat template ", what,
                            "; shorten the conversation or send the prompt as "
                            "text"));
}

}  // namespace

absl::Status Fail(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kChatTemplate,
               message);
}

absl::Status Unsupported(absl::string_view construct) {
  return Error(absl::StatusCode::kUnimplemented, ErrorReason::kChatTemplate,
               absl::StrCat(construct,
                            " is not supported by this server; send the "
                            "prompt as text"));
}

absl::Status Budget::Step(size_t size) {
  steps_left_ -= 1 + static_cast<int64_t>(size / kSizePerStep);
  if (steps_left_ < 0) return UsedUp("takes too many steps");
  return absl::OkStatus();
}

absl::Status Budget::Make(size_t num_bytes) {
  bytes_left_ -= static_cast<int64_t>(num_bytes);
  if (bytes_left_ < 0) return UsedUp("makes too much text");
  return absl::OkStatus();
}

absl::Status Budget::Enter() {
  if (++depth_ > kMaxDepth) return UsedUp("calls itself too deeply");
  return absl::OkStatus();
}

}  // namespace lora::jinja
