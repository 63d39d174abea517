// SPDX-License-Identifier: Apache-2.0
#include "server/engine/step_loop.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"

namespace lora {
namespace {

TokenLogprobs ToLogprobs(SampledToken sampled) {
  TokenLogprobs logprobs{.chosen = {sampled.token_id, sampled.logprob}};
  logprobs.top.reserve(sampled.top.size());
  for (const ScoredToken& token : sampled.top) {
    logprobs.top.push_back({token.token_id, token.logprob});
  }
  return logprobs;
}

// NaN is never chosen while there is a number: all of them are NaN, or one is
// infinite.
absl::Status NothingToChooseFrom(size_t position,
                                 absl::Span<const WeightedKey> adapters) {
  const std::string found = absl::StrCat(
      "the model computed no finite logits for position ", position);
  if (adapters.empty()) {
    return Error(absl::StatusCode::kInternal, ErrorReason::kInternal,
                 absl::StrCat(found,
                              " without an adapter: are the weights of the "
                              "base sound? Report it if they are"));
  }
  return WithAdapter(
      Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kNonFinite,
            absl::StrCat(found, " with adapter '", adapters[0].key.id.value(),
                         "'", adapters.size() > 1 ? " and others" : "",
                         ": their weights, their alpha or the request's own "
                         "factors are too large")),
      adapters[0].key.id);
}

}  // namespace

StepLoop::StepLoop(Parts parts)
    : parts_(parts),
      scheduler_(parts.scheduler, parts.allocator, parts.router) {}

StepLoop::~StepLoop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mu_);
    mail_.stop = true;
    mail_arrived_.NotifyOne();
  }
  thread_.join();
}

void StepLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void StepLoop::Enqueue(ScheduledRequest request) {
  MutexLock lock(mu_);
  mail_.arrivals.push_back(std::move(request));
  mail_arrived_.NotifyOne();
}

void StepLoop::End(SequenceId id, absl::Status status) {
  MutexLock lock(mu_);
  mail_.endings.emplace_back(id, std::move(status));
  mail_arrived_.NotifyOne();
}

void StepLoop::ForgetAdapter(const AdapterKey& key) {
  MutexLock lock(mu_);
  mail_.forgotten.push_back(key);
  mail_arrived_.NotifyOne();
}

void StepLoop::Wake() {
  MutexLock lock(mu_);
  mail_.wake = true;
  mail_arrived_.NotifyOne();
}

// Before a caller hears of an end: who asks then finds it.
void StepLoop::UpdateStats() {
  MutexLock lock(mu_);
  stats_ = scheduler_.stats();
}

SchedulerStats StepLoop::stats() const {
  MutexLock lock(mu_);
  return stats_;
}

void StepLoop::Run() {
  bool may_wait = true;
  while (true) {
    Mail mail = Receive(may_wait);
    if (mail.stop) return;
    HandleMail(std::move(mail));
    may_wait = !Step();
  }
}

StepLoop::Mail StepLoop::Receive(bool may_wait) {
  UpdateStats();
  MutexLock lock(mu_);
  while (may_wait && mail_.empty()) mail_arrived_.Wait(mu_);
  return std::exchange(mail_, Mail());
}

void StepLoop::HandleMail(Mail mail) {
  // Arrivals first: an ending may be for one of them.
  for (ScheduledRequest& request : mail.arrivals) Arrive(std::move(request));
  for (const auto& [id, status] : mail.endings) {
    std::unique_ptr<Sequence> sequence = scheduler_.Remove(id);
    if (sequence != nullptr) Fail(std::move(sequence), status);
  }
  for (const AdapterKey& key : mail.forgotten) {
    parts_.allocator->ForgetAdapter(key);
  }
}

void StepLoop::Arrive(ScheduledRequest request) {
  const SequenceId id = request.sequence.id;
  auto sequence =
      std::make_unique<Sequence>(std::move(request.sequence), parts_.allocator);
  LogDebug("request_scheduled",
           {{"sequence", id.value()},
            {"prompt_tokens", sequence->num_prompt_tokens()},
            {"adapters", request.adapters.size()}});
  OutputState output(*parts_.tokenizer, std::move(request.output));
  active_.emplace(id, Active{std::move(request), std::move(output), {}});
  scheduler_.Enqueue(std::move(sequence));
}

bool StepLoop::Step() {
  const BatchPlan plan = scheduler_.Plan(parts_.clock->Now());
  for (EndedSequence& ended : scheduler_.TakeFailed()) {
    Fail(std::move(ended.sequence), ended.status);
  }
  if (plan.empty()) return false;
  const absl::Time begin = parts_.clock->Now();
  const absl::StatusOr<StepLogits> logits = parts_.executor->Execute(plan);
  if (!logits.ok()) {
    FailStep(plan, logits.status());
    return true;
  }
  const std::vector<StepOutcome> outcomes = SampleAll(plan, *logits);
  parts_.metrics->RecordStep(plan, parts_.clock->Now() - begin);
  Publish(plan);
  Retire(scheduler_.Commit(plan, outcomes));
  return true;
}

std::vector<StepOutcome> StepLoop::SampleAll(const BatchPlan& plan,
                                             const StepLogits& logits) {
  std::vector<StepOutcome> outcomes;
  outcomes.reserve(plan.items.size());
  int64_t row = 0;
  for (const BatchPlan::Item& item : plan.items) {
    parts_.requests->MarkRunning(item.sequence->id());
    outcomes.push_back(item.samples()
                           ? SampleOne(*item.sequence, logits.row(row++))
                           : StepOutcome());
  }
  return outcomes;
}

StepOutcome StepLoop::SampleOne(const Sequence& sequence,
                                absl::Span<const float> logits) {
  Active& active = active_.at(sequence.id());
  const absl::Span<const int32_t> tokens = sequence.token_ids();
  const SamplingHistory history{
      .prompt_ids = tokens.first(sequence.num_prompt_tokens()),
      .output_ids = tokens.subspan(sequence.num_prompt_tokens())};
  SampledToken sampled =
      sampler_.Sample(logits, active.request.sampling, history);
  const int32_t token_id = sampled.token_id;
  if (!std::isfinite(logits[token_id])) {
    active.failure = NothingToChooseFrom(tokens.size(), sequence.adapters());
    return {.finished = true};
  }
  if (!active.first_token_time.has_value()) {
    active.first_token_time = parts_.clock->Now();
  }
  active.output.Append(ToLogprobs(std::move(sampled)));
  return {.token_id = token_id, .finished = active.output.finished()};
}

void StepLoop::Publish(const BatchPlan& plan) {
  for (const BatchPlan::Item& item : plan.items) {
    if (!item.samples()) continue;
    Active& active = active_.at(item.sequence->id());
    GenerationDelta delta = active.output.TakeDelta();
    if (delta.text.empty() && delta.token_ids.empty()) continue;
    active.request.sink->OnDelta(std::move(delta));
  }
}

void StepLoop::Retire(std::vector<std::unique_ptr<Sequence>> finished) {
  for (std::unique_ptr<Sequence>& sequence : finished) {
    const absl::Status failure = active_.at(sequence->id()).failure;
    if (!failure.ok()) {
      Fail(std::move(sequence), failure);
      continue;
    }
    auto node = active_.extract(sequence->id());
    Active& active = node.mapped();
    GenerationResult result = ResultOf(*sequence, active);
    const SequenceId id = sequence->id();
    LogDebug(
        "request_finished",
        {{"sequence", id.value()},
         {"prompt_tokens", result.usage.prompt_tokens},
         {"cached_tokens", result.usage.cached_tokens},
         {"completion_tokens", result.usage.completion_tokens},
         {"seconds", absl::ToDoubleSeconds(result.provenance.total_time)}});
    parts_.metrics->RecordFinished(result);
    sequence.reset();  // What it held is free before the caller knows.
    UpdateStats();
    if (parts_.requests->Remove(id) != nullptr) {
      active.request.sink->OnFinish(std::move(result));
    }
  }
}

void StepLoop::Fail(std::unique_ptr<Sequence> sequence,
                    const absl::Status& status) {
  auto node = active_.extract(sequence->id());
  const SequenceId id = sequence->id();
  sequence.reset();
  UpdateStats();
  parts_.metrics->RecordFailed(status);
  if (parts_.requests->Remove(id) != nullptr) {
    node.mapped().request.sink->OnFinish(status);
  }
}

void StepLoop::FailStep(const BatchPlan& plan, const absl::Status& status) {
  LogError("step_failed",
           {{"sequences", plan.items.size()}, {"error", status.message()}});
  for (const BatchPlan::Item& item : plan.items) {
    Fail(scheduler_.Remove(item.sequence->id()), status);
  }
}

GenerationResult StepLoop::ResultOf(const Sequence& sequence,
                                    Active& active) const {
  const absl::Time now = parts_.clock->Now();
  const absl::Time submitted = active.request.submit_time;
  GenerationResult result;
  result.reason = active.output.reason();
  result.stop_match = active.output.stop_match();
  result.usage = {.prompt_tokens = sequence.num_prompt_tokens(),
                  .cached_tokens = sequence.num_cached_prompt_tokens(),
                  .completion_tokens = active.output.completion_tokens()};
  result.provenance.adapters = std::move(active.request.adapters);
  for (UsedAdapter& adapter : result.provenance.adapters) {
    if (adapter.tier_found == AdapterTier::kDevice) continue;
    adapter.load_time = active.request.lease_wait + sequence.pin_wait();
  }
  result.provenance.path = *sequence.path();
  result.provenance.queue_time = *sequence.first_admission_time() - submitted;
  result.provenance.time_to_first_token =
      active.first_token_time.value_or(now) - submitted;
  result.provenance.total_time = now - submitted;
  return result;
}

}  // namespace lora
