// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/unary_call.h"

#include <utility>

#include "server/rpc/status_converter.h"

namespace lora {

std::shared_ptr<UnaryCall> UnaryCall::Start() {
  std::shared_ptr<UnaryCall> call(new UnaryCall);
  call->self_ = call;
  return call;
}

void UnaryCall::Answer(const absl::Status& status) {
  Finish(ToGrpcStatus(status));
}

void UnaryCall::OnCallerGone(absl::AnyInvocable<void() &&> action) {
  {
    MutexLock lock(mu_);
    if (!caller_gone_) {
      on_caller_gone_ = std::move(action);
      return;
    }
  }
  std::move(action)();
}

bool UnaryCall::caller_gone() const {
  MutexLock lock(mu_);
  return caller_gone_;
}

void UnaryCall::OnCancel() {
  absl::AnyInvocable<void() &&> action;
  {
    MutexLock lock(mu_);
    caller_gone_ = true;
    action = std::move(on_caller_gone_);
  }
  if (action) std::move(action)();
}

grpc::ServerUnaryReactor* AnswerNow(grpc::CallbackServerContext* context,
                                    absl::FunctionRef<absl::Status()> body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(body()));
  return reactor;
}

grpc::ServerUnaryReactor* AnswerLater(
    absl::FunctionRef<absl::Status(const std::shared_ptr<UnaryCall>&)> body) {
  const std::shared_ptr<UnaryCall> call = UnaryCall::Start();
  if (const absl::Status status = body(call); !status.ok()) {
    call->Answer(status);
  }
  return call.get();
}

}  // namespace lora
