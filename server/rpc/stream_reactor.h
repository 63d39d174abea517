// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_STREAM_REACTOR_H_
#define LORA_SERVER_RPC_STREAM_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lora/v1/generation_service.pb.h"
#include "server/base/write_coalescer.h"
#include "server/engine/engine.h"

namespace lora {

// Carries one Generate call between the engine and gRPC.
//
// Neither side waits for the other: what the engine adds while a message is on
// its way joins the next one, so a slow reader gets fewer, longer messages, of
// about 1 MiB at most: clients refuse those over 4 MiB.
//
// Thread-safe. gRPC holds it until OnDone, the engine until OnFinish.
class StreamReactor final
    : public grpc::ServerWriteReactor<v1::GenerateResponse>,
      public TokenSink {
 public:
  // Submits `request` as `id`. `engine` must outlive the call.
  static StreamReactor* Start(Engine& engine, SequenceId id,
                              GenerationRequest request);

  // TokenSink, on an engine thread.
  void OnDelta(GenerationDelta delta) override;
  void OnFinish(absl::StatusOr<GenerationResult> result) override;

  // Reactions, on gRPC's threads.
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Coalescer = WriteCoalescer<v1::GenerateResponse, absl::Status>;

  StreamReactor(Engine& engine, SequenceId id) : engine_(engine), id_(id) {}
  static bool IsFull(const v1::GenerateResponse& message);
  void Do(Coalescer::Action action);

  Engine& engine_;
  const SequenceId id_;
  Coalescer coalescer_{IsFull};
  std::shared_ptr<StreamReactor> self_;  // gRPC's share.
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_STREAM_REACTOR_H_
