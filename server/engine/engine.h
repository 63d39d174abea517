// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_ENGINE_H_
#define LORA_SERVER_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/base/ids.h"
#include "server/engine/engine_info.h"
#include "server/engine/generation.h"

namespace lora {

// Runs requests. With adapter/adapter_plane.h this header is all that rpc/
// knows of the layers below; it names no Torch, protobuf or gRPC type.
//
// Thread-safe. Only Drain blocks. Callbacks and sinks are called exactly as
// their comments say, on a thread of the engine or, before the call returns, on
// the caller's, with no lock held.
class Engine {
 public:
  virtual ~Engine() = default;

  // A fresh id, to be passed to Submit: known before, so that a cancel that
  // races with Submit is not lost.
  virtual SequenceId NewSequenceId() = 0;

  // Takes the request. `sink` gets every outcome, also a refusal:
  //
  // INVALID_ARGUMENT (INPUT, PARAM, WEIGHTS, CHAT_TEMPLATE), NOT_FOUND
  // (ADAPTER), FAILED_PRECONDITION (STATE, CHAT_TEMPLATE), RESOURCE_EXHAUSTED
  // (QUEUE, QUOTA), UNAVAILABLE (DRAINING), DEADLINE_EXCEEDED, CANCELLED,
  // ABORTED.
  virtual void Submit(SequenceId id, GenerationRequest request,
                      std::shared_ptr<TokenSink> sink) = 0;

  // Ends a request with CANCELLED within one step; what it held is free then.
  // Valid before Submit returns, even before it is called. Unknown ids are
  // ignored.
  virtual void Cancel(SequenceId id) = 0;

  // Whether somebody still waits for an answer. Asked once, on a worker, before
  // the work is done; if not, the answer is CANCELLED.
  using StillWanted = absl::AnyInvocable<bool() &&>;

  // What Submit would make of a prompt. Runs on a worker of the engine.
  //
  // To `done`, once: INVALID_ARGUMENT (INPUT: also over 1 MiB, CHAT_TEMPLATE),
  // FAILED_PRECONDITION and UNIMPLEMENTED (CHAT_TEMPLATE), RESOURCE_EXHAUSTED
  // (QUEUE): too many calls wait; CANCELLED.
  virtual void Tokenize(
      PromptInput prompt, StillWanted still_wanted,
      absl::AnyInvocable<void(absl::StatusOr<TokenizedPrompt>) &&> done) = 0;
  // As Tokenize. INVALID_ARGUMENT (INPUT): an id outside the vocabulary.
  virtual void Detokenize(
      std::vector<int32_t> ids, bool skip_special_tokens,
      StillWanted still_wanted,
      absl::AnyInvocable<void(absl::StatusOr<std::string>) &&> done) = 0;

  // Builds, or finds, the merged copy of `components`. Runs on a worker.
  //
  // To `done`, once: INVALID_ARGUMENT (WEIGHTS), NOT_FOUND (ADAPTER),
  // FAILED_PRECONDITION (STATE), RESOURCE_EXHAUSTED (QUOTA,
  // MEMORY), ABORTED: an adapter was unloaded meanwhile; CANCELLED:
  // CancelMerge, or the engine ends.
  virtual MergeId Merge(
      std::vector<WeightedAdapterId> components, bool pinned,
      absl::AnyInvocable<void(absl::StatusOr<MergedAdapterInfo>) &&> done) = 0;

  // Ends a merge with CANCELLED now, unless it was answered; it holds no
  // adapter then. A copy that is being built is finished and kept.
  virtual void CancelMerge(MergeId id) = 0;

  // Drops a merged copy once nothing runs on it, and returns its bytes. Named
  // by `merged_id`, or by `components` when that is empty.
  //
  // NOT_FOUND (NOT_MERGED).
  virtual absl::StatusOr<int64_t> Unmerge(
      const std::string& merged_id,
      absl::Span<const WeightedAdapterId> components) = 0;

  virtual std::vector<MergedAdapterInfo> ListMerged() const = 0;

  virtual EngineInfo Info() const = 0;

  // Refuses new requests (UNAVAILABLE, DRAINING) and blocks until the last one
  // has finished or `deadline` has passed, when the rest end with ABORTED.
  //
  // DEADLINE_EXCEEDED: some had to be ended.
  virtual absl::Status Drain(absl::Time deadline) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_ENGINE_H_
