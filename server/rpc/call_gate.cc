// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/call_gate.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/rpc/auth.h"

namespace lora {
namespace {

absl::string_view AuthorizationOf(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find("authorization");
  if (it == metadata.end()) return {};
  return {it->second.data(), it->second.size()};
}

}  // namespace

CallGate::CallGate(std::string token, int max_message_bytes)
    : token_(std::move(token)), max_message_bytes_(max_message_bytes) {}

void CallGate::Open(Backend backend) {
  MutexLock lock(mu_);
  backend_ = backend;
}

absl::StatusOr<Backend> CallGate::Admit(
    const grpc::CallbackServerContext& context,
    const google::protobuf::Message& request) const {
  LORA_RETURN_IF_ERROR(CheckAuthorization(AuthorizationOf(context), token_));
  const size_t bytes = request.ByteSizeLong();
  if (bytes > static_cast<size_t>(max_message_bytes_)) {
    return Error(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
                 absl::StrCat("the request has ", bytes,
                              " bytes; this server takes up to ",
                              max_message_bytes_, ": send less"));
  }
  MutexLock lock(mu_);
  if (!backend_.has_value()) {
    return Error(absl::StatusCode::kUnavailable, ErrorReason::kStarting,
                 "the server is starting: the base model is not loaded yet, "
                 "try again");
  }
  return *backend_;
}

}  // namespace lora
