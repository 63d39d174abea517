// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/watch_reactor.h"

#include <chrono>

#include "server/base/error.h"
#include "server/rpc/convert_adapter.h"
#include "server/rpc/status_converter.h"

namespace lora {

std::shared_ptr<WatchReactor> WatchReactor::Start(Backend backend) {
  std::shared_ptr<WatchReactor> reactor(new WatchReactor(backend));
  reactor->self_ = reactor;
  reactor->watch_ = backend.adapters->Watch(
      [reactor](const AdapterEvent& event) { reactor->OnEvent(event); });
  return reactor;
}

void WatchReactor::End(const absl::Status& status) {
  bool finish_now = false;
  {
    MutexLock lock(mu_);
    if (end_.has_value()) return;
    end_ = status;
    finish_now = state_ == State::kIdle;
    if (finish_now) state_ = State::kFinished;
  }
  backend_.adapters->Unwatch(watch_);
  if (finish_now) Finish(ToGrpcStatus(status));
}

void WatchReactor::OnEvent(const AdapterEvent& event) {
  {
    MutexLock lock(mu_);
    if (end_.has_value()) return;
    queue_.Push(event);
    if (state_ != State::kIdle) return;
    state_ = State::kWriting;
  }
  // A new alarm each time: the callback of the last one may not have returned
  // yet, and Set replaces it. The alarm keeps its callback for as long as it
  // lives itself, so that must not own the reactor; gRPC does until WriteNext
  // has called Finish.
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(std::chrono::system_clock::now(), [this](bool) {
    const std::shared_ptr<WatchReactor> alive = self_;
    WriteNext();
  });
}

void WatchReactor::WriteNext() {
  std::optional<AdapterEvent> event;
  std::optional<absl::Status> end;
  {
    MutexLock lock(mu_);
    end = end_;
    if (!end.has_value()) event = queue_.Pop();
    if (end.has_value()) {
      state_ = State::kFinished;
    } else if (!event.has_value()) {
      state_ = State::kIdle;
    }
  }
  if (end.has_value()) Finish(ToGrpcStatus(*end));
  if (!event.has_value()) return;
  message_ = ToProto(*event, MergedIds(backend_.engine->ListMerged()));
  StartWrite(&message_);
}

void WatchReactor::OnWriteDone(bool) { WriteNext(); }

void WatchReactor::OnCancel() {
  End(Error(absl::StatusCode::kCancelled, ErrorReason::kCancelled,
            "the caller ended the watch"));
}

void WatchReactor::OnDone() { self_.reset(); }

}  // namespace lora
