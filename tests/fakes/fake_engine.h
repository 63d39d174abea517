// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_FAKE_ENGINE_H_
#define LORA_TESTS_FAKES_FAKE_ENGINE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/base/mutex.h"
#include "server/base/task_pool.h"
#include "server/engine/engine.h"

namespace lora {

// An engine whose answers a test writes with Send and Finish, or a script does
// for it. Keeps Engine's promises: sinks are called on its one thread, and
// OnFinish once. A token is a byte. Thread-safe.
class FakeEngine final : public Engine {
 public:
  struct Submission {
    SequenceId id;
    GenerationRequest request;
  };
  // Called for each request on the engine's thread; may call Send and Finish.
  using Script = std::function<void(FakeEngine&, const Submission&)>;

  explicit FakeEngine(Script script = nullptr);

  // Adds to a request's answer. Ignored when it has ended.
  void Send(SequenceId id, GenerationDelta delta);
  // Ends a request, unless it has ended.
  void Finish(SequenceId id, absl::StatusOr<GenerationResult> result);

  // Waits for the next request.
  Submission NextSubmission() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until `id` has been cancelled.
  void WaitForCancel(SequenceId id) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until everything posted so far has reached the sinks.
  void Flush();

  // Merges from now on wait until CancelMerge.
  void HoldMerges() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until a merge is held.
  void WaitForHeldMerge() ABSL_LOCKS_EXCLUDED(mu_);
  // How many requests were announced.
  uint64_t num_sequence_ids() const ABSL_LOCKS_EXCLUDED(mu_);

  // What Info reports.
  void set_info(EngineInfo info) ABSL_LOCKS_EXCLUDED(mu_);

  // Engine. A cancelled request ends with CANCELLED at once. Merge knows every
  // adapter but "missing"; a merged copy has 1000 bytes a component.
  SequenceId NewSequenceId() override;
  void Submit(SequenceId id, GenerationRequest request,
              std::shared_ptr<TokenSink> sink) override;
  void Cancel(SequenceId id) override;
  void Tokenize(PromptInput prompt, StillWanted still_wanted,
                absl::AnyInvocable<void(absl::StatusOr<TokenizedPrompt>) &&>
                    done) override;
  void Detokenize(
      std::vector<int32_t> ids, bool skip_special_tokens,
      StillWanted still_wanted,
      absl::AnyInvocable<void(absl::StatusOr<std::string>) &&> done) override;
  MergeId Merge(std::vector<WeightedAdapterId> components, bool pinned,
                absl::AnyInvocable<void(absl::StatusOr<MergedAdapterInfo>) &&>
                    done) override;
  void CancelMerge(MergeId id) override;
  absl::StatusOr<int64_t> Unmerge(
      const std::string& merged_id,
      absl::Span<const WeightedAdapterId> components) override;
  std::vector<MergedAdapterInfo> ListMerged() const override;
  EngineInfo Info() const override;
  absl::Status Drain(absl::Time deadline) override;

 private:
  absl::StatusOr<MergedAdapterInfo> MergeNow(
      const std::vector<WeightedAdapterId>& components, bool pinned);
  // Gives up the sink of a request that ends.
  std::shared_ptr<TokenSink> TakeSink(SequenceId id) ABSL_LOCKS_EXCLUDED(mu_);

  const Script script_;
  mutable Mutex mu_;
  CondVar changed_;
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  EngineInfo info_ ABSL_GUARDED_BY(mu_);
  std::vector<Submission> submissions_ ABSL_GUARDED_BY(mu_);
  size_t num_seen_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<SequenceId> cancelled_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<SequenceId, std::shared_ptr<TokenSink>> sinks_
      ABSL_GUARDED_BY(mu_);
  std::map<std::string, MergedAdapterInfo> merged_ ABSL_GUARDED_BY(mu_);
  bool hold_merges_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t next_merge_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<MergeId,
           absl::AnyInvocable<void(absl::StatusOr<MergedAdapterInfo>) &&>>
      held_merges_ ABSL_GUARDED_BY(mu_);
  TaskPool thread_{1};  // Last: joined before what its tasks use.
};

// A script that answers "ADAPTER,ADAPTER:PROMPT", a byte a token, until
// max_new_tokens or the end. An adapter "missing" is NOT_FOUND (ADAPTER).
void EchoScript(FakeEngine& engine, const FakeEngine::Submission& submission);

}  // namespace lora

#endif  // LORA_TESTS_FAKES_FAKE_ENGINE_H_
