// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_WATCH_REACTOR_H_
#define LORA_SERVER_RPC_WATCH_REACTOR_H_

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "lora/v1/adapter_service.pb.h"
#include "server/adapter/adapter_plane.h"
#include "server/base/mutex.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/event_queue.h"

namespace lora {

// Carries one WatchAdapters call: the plane's events wait in an EventQueue
// while a message is on its way.
//
// Writing begins on a thread of gRPC, never inside the plane's callback, which
// must not call back: a message asks the engine what is merged.
//
// Thread-safe. gRPC holds it until OnDone, the plane until Unwatch.
class WatchReactor final : public grpc::ServerWriteReactor<v1::AdapterEvent> {
 public:
  // Begins to watch. What `backend` names must outlive the call.
  static std::shared_ptr<WatchReactor> Start(Backend backend);

  // Stops watching and ends the stream with `status`, unless it has ended.
  // Must not be called from the plane's callback.
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // kIdle: nothing to write. kWriting: a message is on its way, or soon will
  // be. kFinished: Finish was called.
  enum class State : uint8_t { kIdle, kWriting, kFinished };

  explicit WatchReactor(Backend backend) : backend_(backend) {}

  // The plane's callback.
  void OnEvent(const AdapterEvent& event) ABSL_LOCKS_EXCLUDED(mu_);
  // Writes the next event or ends the stream, in state kWriting.
  void WriteNext() ABSL_LOCKS_EXCLUDED(mu_);

  // Reactions, on gRPC's threads.
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  const Backend backend_;
  WaitId watch_;                        // Set before the reactor is shared.
  std::unique_ptr<grpc::Alarm> alarm_;  // The plane's callback only.
  v1::AdapterEvent message_;            // The one on its way.
  std::shared_ptr<WatchReactor> self_;  // gRPC's share.

  Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kIdle;
  EventQueue queue_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_WATCH_REACTOR_H_
