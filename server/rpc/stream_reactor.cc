// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/stream_reactor.h"

#include <utility>

#include "server/rpc/convert_generation.h"
#include "server/rpc/status_converter.h"

namespace lora {

StreamReactor* StreamReactor::Start(Engine& engine, SequenceId id,
                                    GenerationRequest request) {
  std::shared_ptr<StreamReactor> reactor(new StreamReactor(engine, id));
  reactor->self_ = reactor;
  engine.Submit(id, std::move(request), reactor);
  return reactor.get();
}

void StreamReactor::OnDelta(GenerationDelta delta) {
  Do(coalescer_.Append(
      [&delta](v1::GenerateResponse& next) { AppendTo(next, delta); }));
}

void StreamReactor::OnFinish(absl::StatusOr<GenerationResult> result) {
  if (result.ok()) {
    Do(coalescer_.Append(
        [&result](v1::GenerateResponse& next) { AppendTo(next, *result); }));
  }
  Do(coalescer_.Close(result.status()));
}

void StreamReactor::OnWriteDone(bool ok) { Do(coalescer_.OnWritten(ok)); }

void StreamReactor::OnCancel() { engine_.Cancel(id_); }

void StreamReactor::OnDone() { self_.reset(); }

// An estimate: measuring exactly would walk over the message at each delta.
bool StreamReactor::IsFull(const v1::GenerateResponse& message) {
  constexpr size_t kMaxBytes = size_t{1} << 20;
  constexpr size_t kTokenBytes = 5;
  constexpr size_t kLogprobBytes = 16;  // Of one token, and of each in its top.
  size_t bytes = message.text().size() + kTokenBytes * message.token_ids_size();
  if (message.logprobs_size() > 0) {
    bytes += kLogprobBytes * message.logprobs_size() *
             (1 + message.logprobs(0).top_size());
  }
  return bytes >= kMaxBytes;
}

void StreamReactor::Do(Coalescer::Action action) {
  switch (action) {
    case Coalescer::Action::kNone:
      return;
    case Coalescer::Action::kWrite:
      StartWrite(&coalescer_.message());
      return;
    case Coalescer::Action::kFinish:
      Finish(ToGrpcStatus(coalescer_.result()));
      return;
  }
}

}  // namespace lora
