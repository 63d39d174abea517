// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"

namespace lora {
namespace {

constexpr int64_t kBytesPerComponent = 1000;
constexpr absl::string_view kMissing = "missing";

absl::Status UnknownAdapter(const AdapterId& id) {
  return Error(
      absl::StatusCode::kNotFound, ErrorReason::kAdapter,
      absl::StrCat("there is no adapter '", id.value(), "', load it first"));
}

std::string MergedIdOf(absl::Span<const WeightedAdapterId> components) {
  return absl::StrJoin(
      components, "+",
      [](std::string* out, const WeightedAdapterId& component) {
        absl::StrAppend(out, component.id.value(), "*", component.weight);
      });
}

TokenizedPrompt TokenizeBytes(const PromptInput& prompt) {
  TokenizedPrompt tokens;
  if (const auto* text = std::get_if<std::string>(&prompt.content)) {
    for (const char c : *text) {
      tokens.ids.push_back(static_cast<unsigned char>(c));
      tokens.pieces.emplace_back(1, c);
    }
  }
  return tokens;
}

}  // namespace

FakeEngine::FakeEngine(Script script) : script_(std::move(script)) {}

void FakeEngine::Send(SequenceId id, GenerationDelta delta) {
  thread_.Post([this, id, delta = std::move(delta)]() mutable {
    std::shared_ptr<TokenSink> sink;
    {
      MutexLock lock(mu_);
      if (const auto it = sinks_.find(id); it != sinks_.end())
        sink = it->second;
    }
    if (sink != nullptr) sink->OnDelta(std::move(delta));
  });
}

void FakeEngine::Finish(SequenceId id,
                        absl::StatusOr<GenerationResult> result) {
  thread_.Post([this, id, result = std::move(result)]() mutable {
    const std::shared_ptr<TokenSink> sink = TakeSink(id);
    if (sink != nullptr) sink->OnFinish(std::move(result));
  });
}

std::shared_ptr<TokenSink> FakeEngine::TakeSink(SequenceId id) {
  MutexLock lock(mu_);
  const auto it = sinks_.find(id);
  if (it == sinks_.end()) return nullptr;
  std::shared_ptr<TokenSink> sink = std::move(it->second);
  sinks_.erase(it);
  return sink;
}

FakeEngine::Submission FakeEngine::NextSubmission() {
  MutexLock lock(mu_);
  while (num_seen_ == submissions_.size()) changed_.Wait(mu_);
  return submissions_[num_seen_++];
}

void FakeEngine::WaitForCancel(SequenceId id) {
  MutexLock lock(mu_);
  while (!cancelled_.contains(id)) changed_.Wait(mu_);
}

void FakeEngine::Flush() {
  bool reached = false;
  thread_.Post([this, &reached] {
    MutexLock lock(mu_);
    reached = true;
    changed_.NotifyAll();
  });
  MutexLock lock(mu_);
  while (!reached) changed_.Wait(mu_);
}

void FakeEngine::set_info(EngineInfo info) {
  MutexLock lock(mu_);
  info_ = std::move(info);
}

SequenceId FakeEngine::NewSequenceId() {
  MutexLock lock(mu_);
  return SequenceId(next_id_++);
}

void FakeEngine::Submit(SequenceId id, GenerationRequest request,
                        std::shared_ptr<TokenSink> sink) {
  const Submission submission{id, std::move(request)};
  bool cancelled = false;
  bool draining = false;
  {
    MutexLock lock(mu_);
    sinks_.emplace(id, std::move(sink));
    submissions_.push_back(submission);
    cancelled = cancelled_.contains(id);
    draining = draining_;
    changed_.NotifyAll();
  }
  if (cancelled) {
    Cancel(id);
  } else if (draining) {
    Finish(id, Error(absl::StatusCode::kUnavailable, ErrorReason::kDraining,
                     "the server is shutting down, try another one"));
  } else if (script_ != nullptr) {
    thread_.Post([this, submission] { script_(*this, submission); });
  }
}

void FakeEngine::Cancel(SequenceId id) {
  {
    MutexLock lock(mu_);
    cancelled_.insert(id);
    changed_.NotifyAll();
  }
  Finish(id, Error(absl::StatusCode::kCancelled, ErrorReason::kCancelled,
                   "the caller went away"));
}

void FakeEngine::Tokenize(
    PromptInput prompt, StillWanted,
    absl::AnyInvocable<void(absl::StatusOr<TokenizedPrompt>) &&> done) {
  thread_.Post([prompt = std::move(prompt), done = std::move(done)]() mutable {
    std::move(done)(TokenizeBytes(prompt));
  });
}

void FakeEngine::Detokenize(
    std::vector<int32_t> ids, bool, StillWanted,
    absl::AnyInvocable<void(absl::StatusOr<std::string>) &&> done) {
  thread_.Post([ids = std::move(ids), done = std::move(done)]() mutable {
    const auto is_byte = [](int32_t id) { return id >= 0 && id < 256; };
    if (!std::all_of(ids.begin(), ids.end(), is_byte)) {
      std::move(done)(Error(absl::StatusCode::kInvalidArgument,
                            ErrorReason::kInput,
                            "token ids are not below 256"));
      return;
    }
    std::move(done)(std::string(ids.begin(), ids.end()));
  });
}

void FakeEngine::HoldMerges() {
  MutexLock lock(mu_);
  hold_merges_ = true;
}

void FakeEngine::WaitForHeldMerge() {
  MutexLock lock(mu_);
  while (held_merges_.empty()) changed_.Wait(mu_);
}

uint64_t FakeEngine::num_sequence_ids() const {
  MutexLock lock(mu_);
  return next_id_ - 1;
}

MergeId FakeEngine::Merge(
    std::vector<WeightedAdapterId> components, bool pinned,
    absl::AnyInvocable<void(absl::StatusOr<MergedAdapterInfo>) &&> done) {
  MutexLock lock(mu_);
  const MergeId id(next_merge_++);
  if (hold_merges_) {
    held_merges_.emplace(id, std::move(done));
    changed_.NotifyAll();
    return id;
  }
  thread_.Post([this, components = std::move(components), pinned,
                done = std::move(done)]() mutable {
    std::move(done)(MergeNow(components, pinned));
  });
  return id;
}

void FakeEngine::CancelMerge(MergeId id) {
  MutexLock lock(mu_);
  auto node = held_merges_.extract(id);
  if (node.empty()) return;
  thread_.Post([done = std::move(node.mapped())]() mutable {
    std::move(done)(Error(absl::StatusCode::kCancelled, ErrorReason::kCancelled,
                          "the caller went away"));
  });
}

absl::StatusOr<MergedAdapterInfo> FakeEngine::MergeNow(
    const std::vector<WeightedAdapterId>& components, bool pinned) {
  if (components.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights,
                 "there are no components, expected at least one");
  }
  MergedAdapterInfo info{.merged_id = MergedIdOf(components),
                         .build_time = absl::Milliseconds(5),
                         .max_relative_deviation = 1e-6,
                         .pinned = pinned};
  for (const WeightedAdapterId& component : components) {
    if (component.id.value() == kMissing) return UnknownAdapter(component.id);
    info.components.push_back({component.id, component.weight});
    info.bytes += kBytesPerComponent;
  }
  MutexLock lock(mu_);
  return merged_.insert_or_assign(info.merged_id, info).first->second;
}

absl::StatusOr<int64_t> FakeEngine::Unmerge(
    const std::string& merged_id,
    absl::Span<const WeightedAdapterId> components) {
  MutexLock lock(mu_);
  const auto it =
      merged_.find(merged_id.empty() ? MergedIdOf(components) : merged_id);
  if (it == merged_.end()) {
    return Error(absl::StatusCode::kNotFound, ErrorReason::kNotMerged,
                 "there is no such merged copy, see ListMergedAdapters");
  }
  const int64_t bytes = it->second.bytes;
  merged_.erase(it);
  return bytes;
}

std::vector<MergedAdapterInfo> FakeEngine::ListMerged() const {
  MutexLock lock(mu_);
  std::vector<MergedAdapterInfo> infos;
  for (const auto& [id, info] : merged_) infos.push_back(info);
  return infos;
}

EngineInfo FakeEngine::Info() const {
  MutexLock lock(mu_);
  return info_;
}

absl::Status FakeEngine::Drain(absl::Time) {
  MutexLock lock(mu_);
  draining_ = true;
  return absl::OkStatus();
}

void EchoScript(FakeEngine& engine, const FakeEngine::Submission& submission) {
  const GenerationRequest& request = submission.request;
  std::string answer =
      absl::StrJoin(request.adapters, ",",
                    [](std::string* out, const WeightedAdapterId& adapter) {
                      out->append(adapter.id.value());
                    });
  GenerationResult result;
  for (const WeightedAdapterId& adapter : request.adapters) {
    if (adapter.id.value() == kMissing) {
      engine.Finish(submission.id, UnknownAdapter(adapter.id));
      return;
    }
    result.provenance.adapters.push_back(
        {.id = adapter.id, .digest = "d1", .weight = adapter.weight});
  }
  const auto* text = std::get_if<std::string>(&request.prompt.content);
  absl::StrAppend(&answer, ":", text != nullptr ? *text : "(no text)");
  const size_t limit = request.max_new_tokens.value_or(256);
  if (answer.size() > limit) result.reason = FinishReason::kLength;
  answer.resize(std::min(answer.size(), limit));
  for (const char c : answer) {
    engine.Send(submission.id, {.text = std::string(1, c),
                                .token_ids = {static_cast<unsigned char>(c)}});
  }
  result.usage.completion_tokens = static_cast<int32_t>(answer.size());
  engine.Finish(submission.id, std::move(result));
}

}  // namespace lora
