// SPDX-License-Identifier: Apache-2.0
#include "server/engine/engine_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/engine/failure_log.h"
#include "server/engine/prompt_builder.h"

namespace lora {
namespace {

constexpr absl::Duration kMetricsPeriod = absl::Seconds(1);
// Of a text that is only to be tokenised, which takes many times its bytes.
constexpr int64_t kMaxTokenizeBytes = int64_t{1} << 20;

absl::Status Cancelled() {
  return Error(absl::StatusCode::kCancelled, ErrorReason::kCancelled,
               "the caller cancelled the request");
}

absl::Status DeadlinePassed() {
  return Error(absl::StatusCode::kDeadlineExceeded, ErrorReason::kQueue,
               "the request's deadline passed before its answer was complete; "
               "allow more time or ask for fewer tokens");
}

absl::Status Aborted(absl::string_view why) {
  return Error(absl::StatusCode::kAborted, ErrorReason::kAborted, why);
}

std::vector<AdapterId> IdsOf(absl::Span<const WeightedAdapterId> adapters) {
  std::vector<AdapterId> ids;
  ids.reserve(adapters.size());
  for (const WeightedAdapterId& adapter : adapters) ids.push_back(adapter.id);
  return ids;
}

}  // namespace

EngineImpl::EngineImpl(EngineOptions options, Parts parts)
    : options_(std::move(options)),
      parts_(parts),
      requests_(options_.max_queue),
      allocator_(options_.num_kv_blocks, options_.kv_block_size),
      router_(parts.residency, parts.merges, [this] { loop_.Wake(); }),
      loop_({.scheduler = options_.scheduler,
             .allocator = &allocator_,
             .router = &router_,
             .executor = parts.executor,
             .tokenizer = parts.tokenizer,
             .requests = &requests_,
             .metrics = parts.metrics,
             .clock = parts.clock}),
      timers_(parts.clock),
      workers_(options_.num_workers) {
  loop_.Start();
  ScheduleRefresh();
}

EngineImpl::~EngineImpl() { Drain(absl::InfinitePast()).IgnoreError(); }

void EngineImpl::Submit(SequenceId id, GenerationRequest request,
                        std::shared_ptr<TokenSink> sink) {
  sink = std::make_shared<FailureLog>(request, parts_.clock, std::move(sink));
  absl::Status begun = requests_.Begin(id, IdsOf(request.adapters), sink);
  if (!begun.ok()) {
    parts_.metrics->RecordFailed(begun);
    sink->OnFinish(std::move(begun));
    return;
  }
  if (request.deadline != absl::InfiniteFuture()) {
    const TimerId timer = timers_.Schedule(
        request.deadline, [this, id] { End(id, DeadlinePassed()); });
    requests_.SetDeadline(id, ScopedTimer(&timers_, timer));
  }
  auto pending = std::make_shared<Pending>();
  pending->id = id;
  pending->request = std::move(request);
  pending->sink = std::move(sink);
  pending->submit_time = parts_.clock->Now();
  workers_.Post([this, pending = std::move(pending)]() mutable {
    Prepare(std::move(pending));
  });
}

// On a worker.
void EngineImpl::Prepare(std::shared_ptr<Pending> pending) {
  if (!requests_.IsLive(pending->id)) return;  // It ended while it waited.
  absl::StatusOr<PreparedRequest> prepared =
      PrepareRequest(*parts_.tokenizer, options_.limits, pending->request);
  if (!prepared.ok()) {
    End(pending->id, prepared.status());
    return;
  }
  pending->prepared = *std::move(prepared);
  pending->lease_begin = parts_.clock->Now();
  if (pending->request.adapters.empty()) {
    Schedule(*pending, {});
    return;
  }
  std::vector<AdapterId> ids = IdsOf(pending->request.adapters);
  for (const AdapterId& id : ids) {
    pending->tiers_found.push_back(parts_.adapters->TierOf(id));
  }
  const WaitId wait = parts_.adapters->AcquireLeases(
      std::move(ids),
      [this, pending](absl::StatusOr<std::vector<AdapterLease>> leases) {
        OnLeases(pending, std::move(leases));
      });
  if (!requests_.SetLeaseWait(pending->id, wait)) {
    parts_.adapters->CancelWait(wait);
  }
}

void EngineImpl::OnLeases(const std::shared_ptr<Pending>& pending,
                          absl::StatusOr<std::vector<AdapterLease>> leases) {
  ReachSyncPoint(parts_.sync, "EngineImpl::OnLeases");
  if (!leases.ok()) {
    End(pending->id, leases.status());
  } else {
    Schedule(*pending, *std::move(leases));
  }
}

void EngineImpl::Schedule(Pending& pending, std::vector<AdapterLease> leases) {
  const std::vector<WeightedAdapterId>& adapters = pending.request.adapters;
  ScheduledRequest scheduled;
  scheduled.sink = pending.sink;
  scheduled.submit_time = pending.submit_time;
  scheduled.lease_wait = parts_.clock->Now() - pending.lease_begin;
  scheduled.sampling = pending.prepared.sampling;
  scheduled.sequence.max_new_tokens = pending.prepared.output.max_new_tokens;
  scheduled.output = std::move(pending.prepared.output);
  std::vector<AdapterKey> keys;
  for (size_t i = 0; i < adapters.size(); ++i) {
    keys.push_back(leases[i].key());
    scheduled.adapters.push_back({.id = adapters[i].id,
                                  .digest = keys.back().digest,
                                  .weight = adapters[i].weight,
                                  .tier_found = pending.tiers_found[i]});
  }
  scheduled.sequence.id = pending.id;
  scheduled.sequence.prompt = std::move(pending.prepared.prompt);
  scheduled.sequence.path = pending.prepared.path;
  scheduled.sequence.adapters = CanonicalKeys(adapters, leases);
  scheduled.sequence.leases = std::move(leases);
  scheduled.sequence.max_shared_tokens = pending.prepared.max_shared_tokens;
  // Nothing to do when the request has ended: the leases end with `scheduled`.
  requests_.HandOver(pending.id, std::move(keys), [this, &scheduled] {
    loop_.Enqueue(std::move(scheduled));
  });
}

void EngineImpl::Cancel(SequenceId id) { End(id, Cancelled()); }

void EngineImpl::End(SequenceId id, const absl::Status& status) {
  RequestTable::EndAction action = requests_.RequestEnd(id);
  if (action.scheduled) {
    loop_.End(id, status);
    return;
  }
  if (action.lease_wait.has_value()) {
    parts_.adapters->CancelWait(*action.lease_wait);
  }
  if (action.sink != nullptr) {
    parts_.metrics->RecordFailed(status);
    action.sink->OnFinish(status);
  }
}

void EngineImpl::Tokenize(
    PromptInput prompt, StillWanted still_wanted,
    absl::AnyInvocable<void(absl::StatusOr<TokenizedPrompt>) &&> done) {
  PostTextCall(std::move(still_wanted),
               [this, prompt = std::move(prompt),
                done = std::move(done)](const absl::Status& start) mutable {
                 if (start.ok()) {
                   std::move(done)(TokenizeNow(prompt));
                 } else {
                   std::move(done)(start);
                 }
               });
}

void EngineImpl::Detokenize(
    std::vector<int32_t> ids, bool skip_special_tokens,
    StillWanted still_wanted,
    absl::AnyInvocable<void(absl::StatusOr<std::string>) &&> done) {
  const SkipSpecial skip =
      skip_special_tokens ? SkipSpecial::kYes : SkipSpecial::kNo;
  PostTextCall(std::move(still_wanted),
               [this, ids = std::move(ids), skip,
                done = std::move(done)](const absl::Status& start) mutable {
                 if (start.ok()) {
                   std::move(done)(DetokenizeNow(ids, skip));
                 } else {
                   std::move(done)(start);
                 }
               });
}

void EngineImpl::PostTextCall(StillWanted still_wanted,
                              absl::AnyInvocable<void(absl::Status) &&> work) {
  if (num_text_calls_.fetch_add(1) >= options_.max_text_calls) {
    --num_text_calls_;
    std::move(work)(
        Error(absl::StatusCode::kResourceExhausted, ErrorReason::kQueue,
              absl::StrCat(options_.max_text_calls,
                           " calls of Tokenize and Detokenize wait already; "
                           "make fewer at a time")));
    return;
  }
  workers_.Post([this, still_wanted = std::move(still_wanted),
                 work = std::move(work)]() mutable {
    std::move(work)(std::move(still_wanted)() ? absl::OkStatus() : Cancelled());
    --num_text_calls_;
  });
}

absl::StatusOr<TokenizedPrompt> EngineImpl::TokenizeNow(
    const PromptInput& prompt) const {
  TokenizedPrompt tokenized;
  LORA_ASSIGN_OR_RETURN(tokenized.ids,
                        BuildPrompt(*parts_.tokenizer, prompt,
                                    {.vocab_size = options_.limits.vocab_size,
                                     .max_bytes = kMaxTokenizeBytes}));
  for (const int32_t id : tokenized.ids) {
    tokenized.pieces.push_back(parts_.tokenizer->Piece(id));
  }
  return tokenized;
}

absl::StatusOr<std::string> EngineImpl::DetokenizeNow(
    absl::Span<const int32_t> ids, SkipSpecial skip) const {
  for (const int32_t id : ids) {
    if (id >= 0 && id < options_.limits.vocab_size) continue;
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
                 absl::StrCat("token id ", id, " is outside the vocabulary of ",
                              options_.limits.vocab_size, " tokens"));
  }
  return parts_.tokenizer->Decode(ids, skip);
}

MergeId EngineImpl::Merge(
    std::vector<WeightedAdapterId> components, bool pinned,
    absl::AnyInvocable<void(absl::StatusOr<MergedAdapterInfo>) &&> done) {
  absl::Status valid = CheckWeights(components);
  if (valid.ok() && components.empty()) {
    valid = Error(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights,
                  "no components; name at least one adapter to merge");
  }
  if (!valid.ok()) {
    std::move(done)(std::move(valid));
    return MergeId();
  }
  return parts_.merges->Merge(std::move(components), pinned, std::move(done));
}

absl::StatusOr<int64_t> EngineImpl::Unmerge(
    const std::string& merged_id,
    absl::Span<const WeightedAdapterId> components) {
  return parts_.merges->Unmerge(merged_id, components);
}

std::vector<MergedAdapterInfo> EngineImpl::ListMerged() const {
  return parts_.merges->List();
}

EngineInfo EngineImpl::Info() const {
  EngineInfo info = options_.info;
  const SchedulerStats scheduler = loop_.stats();
  info.kv = {
      .capacity_bytes = scheduler.num_blocks * options_.kv_bytes_per_block,
      .used_bytes = scheduler.num_blocks_in_use * options_.kv_bytes_per_block};
  const AdapterStats adapters = parts_.adapter_stats();
  info.host = {adapters.host.capacity_bytes, adapters.host.used_bytes};
  info.adapters = {adapters.device.capacity_bytes, adapters.device.used_bytes};
  info.merged = parts_.merges->memory();
  info.running_requests = scheduler.num_running;
  info.queued_requests = requests_.num_queued();
  info.max_queue = options_.max_queue;
  return info;
}

absl::Status EngineImpl::Drain(absl::Time deadline) {
  requests_.Close();
  if (requests_.WaitUntilEmpty(deadline)) return absl::OkStatus();
  const std::vector<SequenceId> left = requests_.All();
  for (const SequenceId id : left) {
    End(id, Aborted("the server is shutting down and the drain timeout has "
                    "passed; send the request to another one"));
  }
  requests_.WaitUntilEmpty(absl::InfiniteFuture());
  return Error(absl::StatusCode::kDeadlineExceeded, ErrorReason::kDraining,
               absl::StrCat(left.size(), " requests had to be ended"));
}

int64_t EngineImpl::CancelUsers(const AdapterKey& key) {
  const std::vector<SequenceId> users = requests_.UsersOf(key);
  for (const SequenceId id : users) {
    End(id, WithAdapter(Aborted(absl::StrCat("adapter '", key.id.value(),
                                             "' was unloaded by force")),
                        key.id));
  }
  return static_cast<int64_t>(users.size()) + parts_.merges->CancelUsers(key);
}

int64_t EngineImpl::ReleaseCopies(const AdapterKey& key) {
  // Cached prefixes are part of the KV memory, which stays as it is: no bytes.
  loop_.ForgetAdapter(key);
  return parts_.merges->ReleaseCopies(key);
}

void EngineImpl::ScheduleRefresh() {
  timers_.Schedule(parts_.clock->Now() + kMetricsPeriod, [this] {
    parts_.metrics->Update(Info(), loop_.stats(), parts_.adapter_stats());
    ScheduleRefresh();
  });
}

}  // namespace lora
