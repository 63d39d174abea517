// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_UNARY_CALL_H_
#define LORA_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"

namespace lora {

// One unary call that is answered later, from any thread.
//
// Thread-safe. gRPC keeps it until the call is over, and whoever will answer
// keeps it too; the call's request and response live until Answer.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  static std::shared_ptr<UnaryCall> Start();

  // Ends the call; exactly once. The response is sent if `status` is OK.
  void Answer(const absl::Status& status);

  // Runs `action` once when the caller goes away or its deadline passes; at
  // once if that has happened already. The call must still be answered.
  void OnCallerGone(absl::AnyInvocable<void() &&> action)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Whether nobody waits for the answer any more.
  bool caller_gone() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  UnaryCall() = default;
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone() override { self_.reset(); }

  std::shared_ptr<UnaryCall> self_;  // gRPC's share.
  mutable Mutex mu_;
  bool caller_gone_ ABSL_GUARDED_BY(mu_) = false;
  absl::AnyInvocable<void() &&> on_caller_gone_ ABSL_GUARDED_BY(mu_);
};

// Answers a call with what `body` returns, at once.
grpc::ServerUnaryReactor* AnswerNow(grpc::CallbackServerContext* context,
                                    absl::FunctionRef<absl::Status()> body);

// Starts a call that `body` hands on. If `body` fails the call ends with its
// status; otherwise somebody must answer.
grpc::ServerUnaryReactor* AnswerLater(
    absl::FunctionRef<absl::Status(const std::shared_ptr<UnaryCall>&)> body);

}  // namespace lora

#endif  // LORA_SERVER_RPC_UNARY_CALL_H_
