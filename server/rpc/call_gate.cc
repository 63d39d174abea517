// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/call_gate.h"

#include <utility>

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

CallGate::CallGate(std::string token) : token_(std::move(token)) {}

void CallGate::Open(Backend backend) {
  MutexLock lock(mu_);
  backend_ = backend;
}

absl::StatusOr<Backend> CallGate::Admit(
    const grpc::CallbackServerContext& context) const {
  LORA_RETURN_IF_ERROR(CheckAuthorization(AuthorizationOf(context), token_));
  MutexLock lock(mu_);
  if (!backend_.has_value()) {
    return Error(absl::StatusCode::kUnavailable, ErrorReason::kStarting,
                 "the server is starting: the base model is not loaded yet, "
                 "try again");
  }
  return *backend_;
}

}  // namespace lora
