// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/scheduler.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"

namespace lora {
namespace {

bool IsPlanned(const BatchPlan& plan, const Sequence* sequence) {
  for (const BatchPlan::Item& item : plan.items) {
    if (item.sequence == sequence) return true;
  }
  return false;
}

// The youngest sequence of the lane with the most in `running`, which is
// ordered by age; null if no lane has `at_least` many.
const Sequence* YoungestOfLargestLane(absl::Span<const Sequence* const> running,
                                      int32_t at_least) {
  absl::flat_hash_map<absl::string_view, int32_t> counts;
  for (const Sequence* sequence : running) ++counts[sequence->lane()];
  const Sequence* youngest = nullptr;
  int32_t most = at_least;
  for (const Sequence* sequence : running) {
    const int32_t count = counts[sequence->lane()];
    if (count < most) continue;
    most = count;
    youngest = sequence;
  }
  return youngest;
}

// Equal adapter sets and paths become adjacent; ids break ties.
void OrderRows(BatchPlan& plan) {
  std::sort(plan.items.begin(), plan.items.end(),
            [](const BatchPlan::Item& a, const BatchPlan::Item& b) {
              const Sequence& x = *a.sequence;
              const Sequence& y = *b.sequence;
              return std::forward_as_tuple(x.path(), *x.adapter_set(), x.id()) <
                     std::forward_as_tuple(y.path(), *y.adapter_set(), y.id());
            });
}

}  // namespace

Scheduler::Scheduler(SchedulerOptions options, BlockAllocator* allocator,
                     PathRouter* router)
    : options_(std::move(options)), allocator_(allocator), router_(router) {}

void Scheduler::Enqueue(std::unique_ptr<Sequence> sequence) {
  queue_.PushBack(std::move(sequence));
}

std::unique_ptr<Sequence> Scheduler::Remove(SequenceId id) {
  for (size_t i = 0; i < running_.size(); ++i) {
    if (running_[i]->id() == id) return RemoveRunning(i);
  }
  auto removed = queue_.RemoveIf(
      [id](const Sequence& sequence) { return sequence.id() == id; });
  return removed.empty() ? nullptr : std::move(removed.front());
}

BatchPlan Scheduler::Plan(absl::Time now) {
  BatchPlan plan;
  Budget budget{.tokens = options_.max_tokens_per_step,
                .prefill_tokens = options_.max_prefill_tokens_per_step};
  PlanDecodes(plan, budget);
  PlanPrefills(now, plan, budget);
  OrderRows(plan);
  return plan;
}

std::vector<EndedSequence> Scheduler::TakeFailed() {
  return std::exchange(failed_, {});
}

void Scheduler::PlanDecodes(BatchPlan& plan, Budget& budget) {
  std::vector<Sequence*> decodes;
  for (const auto& sequence : running_) {
    if (sequence->num_uncomputed() == 1) decodes.push_back(sequence.get());
  }
  for (Sequence* sequence : decodes) {
    // Unless it was preempted for one before it.
    if (IsRunning(sequence)) AddItem(*sequence, plan, budget);
  }
}

// Prompts in progress and waiting ones, in rounds of one item a lane.
void Scheduler::PlanPrefills(absl::Time now, BatchPlan& plan, Budget& budget) {
  bool progress = true;
  while (progress) {
    progress = false;
    for (const std::string& lane : PrefillLanes()) {
      if (!budget.prefill_left()) return;
      if (ContinuePrefill(lane, plan, budget) ||
          AdmitFrom(lane, now, plan, budget)) {
        progress = true;
      }
    }
  }
}

// Lanes that have a prompt to compute, the least served first.
std::vector<std::string> Scheduler::PrefillLanes() const {
  std::vector<std::string> lanes = queue_.LanesByService();
  for (const auto& sequence : running_) {
    if (sequence->num_uncomputed() > 1) lanes.push_back(sequence->lane());
  }
  std::sort(lanes.begin(), lanes.end(),
            [this](const std::string& a, const std::string& b) {
              return queue_.Comes(a, b);
            });
  lanes.erase(std::unique(lanes.begin(), lanes.end()), lanes.end());
  return lanes;
}

bool Scheduler::ContinuePrefill(const std::string& lane, BatchPlan& plan,
                                Budget& budget) {
  for (const auto& sequence : running_) {
    if (sequence->lane() == lane && sequence->num_uncomputed() > 1 &&
        !IsPlanned(plan, sequence.get())) {
      return AddItem(*sequence, plan, budget);
    }
  }
  return false;
}

// Returns whether it got anywhere.
bool Scheduler::AdmitFrom(const std::string& lane, absl::Time now,
                          BatchPlan& plan, Budget& budget) {
  if (!budget.admits || !queue_.HasWaiting(lane) || MustYield(lane, now)) {
    return false;
  }
  switch (TryAdmit(lane, now, plan, budget)) {
    case Admission::kAdmitted:
      return AddItem(*running_.back(), plan, budget);
    case Admission::kFailed:
      return true;  // It is the turn of the next one.
    case Admission::kNoRoom:
      // A lane of which nothing runs must not be overtaken: what others give
      // back is for its prompt, however long.
      budget.admits = false;
      return false;
    case Admission::kBlocked:
      return false;
  }
  return false;
}

bool Scheduler::AddItem(Sequence& sequence, BatchPlan& plan, Budget& budget) {
  const bool prefills = sequence.num_uncomputed() > 1;
  int32_t rows = std::min(sequence.num_uncomputed(), budget.tokens);
  if (prefills) rows = std::min(rows, budget.prefill_tokens);
  if (rows == 0) return false;
  const int32_t begin = sequence.num_computed();
  if (!ReserveOrPreempt(sequence, begin + rows, plan)) return false;
  plan.items.push_back({&sequence, begin, begin + rows});
  budget.tokens -= rows;
  if (prefills) budget.prefill_tokens -= rows;
  return true;
}

// Finds blocks for `sequence`, preempting others or in the end itself.
bool Scheduler::ReserveOrPreempt(Sequence& sequence, int32_t num_tokens,
                                 BatchPlan& plan) {
  while (!sequence.ReserveBlocks(num_tokens)) {
    std::vector<const Sequence*> running;
    for (const auto& other : running_) running.push_back(other.get());
    const Sequence* victim = YoungestOfLargestLane(running, 1);
    Preempt(*victim, plan);
    if (victim == &sequence) return false;
  }
  return true;
}

Scheduler::Admission Scheduler::TryAdmit(const std::string& lane,
                                         absl::Time now, BatchPlan& plan,
                                         Budget& budget) {
  Sequence& head = queue_.Front(lane);
  const bool has_room = HasRoomFor(head);
  if (!has_room && (NumRunning(lane) > 0 || budget.fetches_ahead == 0)) {
    return Admission::kBlocked;
  }
  absl::StatusOr<PinOutcome> outcome = TryPin(head);
  if (!outcome.ok()) {
    failed_.push_back({queue_.PopFront(lane), outcome.status()});
    return Admission::kFailed;
  }
  if (auto* awaited = std::get_if<PinsAwaited>(&*outcome)) {
    head.AwaitPins(std::move(*awaited), now);
    if (!has_room) --budget.fetches_ahead;
    return Admission::kBlocked;
  }
  head.EndPinWait();
  // Asked again: on another path than before, the prefix is not shared.
  if (!HasRoomFor(head)) {
    if (NumRunning(lane) > 0) return Admission::kBlocked;
    if (!MakeRoomFor(head, plan)) return Admission::kNoRoom;
  }
  Admit(lane, std::get<ExecutionPins>(*std::move(outcome)), now);
  return Admission::kAdmitted;
}

void Scheduler::Admit(const std::string& lane, ExecutionPins pins,
                      absl::Time now) {
  queue_.BeginService(lane);
  running_.push_back(queue_.PopFront(lane));
  Sequence& sequence = *running_.back();
  const bool first_admission = !sequence.first_admission_time().has_value();
  sequence.Admit(std::move(pins), now);
  if (first_admission) {
    stats_.prompt_tokens += sequence.num_prompt_tokens();
    stats_.cached_tokens += sequence.num_cached_prompt_tokens();
  }
}

void Scheduler::ResolvePath(Sequence& sequence) {
  if (sequence.path().has_value()) return;
  sequence.SetPath(router_->ChoosePath(QuestionOf(sequence)),
                   options_.model_tag);
}

// Pins the weights of a waiting sequence. Where AUTO became a merged copy that
// cannot be had, the sequence runs unmerged.
absl::StatusOr<PinOutcome> Scheduler::TryPin(Sequence& sequence) {
  ResolvePath(sequence);
  absl::StatusOr<PinOutcome> outcome = router_->TryPin(
      sequence.adapters(), *sequence.path(), sequence.awaited());
  const bool may_change_path = sequence.spec().path == PathPreference::kAuto &&
                               sequence.path() == ExecutionPath::kMerged &&
                               !sequence.first_admission_time().has_value();
  if (outcome.ok() || !may_change_path) return outcome;
  sequence.SetPath(ExecutionPath::kUnmerged, options_.model_tag);
  return router_->TryPin(sequence.adapters(), *sequence.path(), nullptr);
}

RouteQuestion Scheduler::QuestionOf(const Sequence& sequence) const {
  RouteQuestion question{.adapters = sequence.adapters(),
                         .preference = sequence.spec().path,
                         .num_prompt_tokens = sequence.num_prompt_tokens(),
                         .max_new_tokens = sequence.spec().max_new_tokens};
  for (const auto& running : running_) {
    const bool shares = running->path() == ExecutionPath::kMerged &&
                        *running->adapter_set() == *sequence.adapter_set();
    ++(shares ? question.num_sharing : question.num_other);
  }
  return question;
}

// A lane that has pinned memory takes no further sequence while another has
// waited too long for room: what it holds may be what the other waits for.
bool Scheduler::MustYield(const std::string& lane, absl::Time now) const {
  const bool holds_pins =
      std::any_of(running_.begin(), running_.end(), [&lane](const auto& s) {
        return s->lane() == lane && !s->pins().empty();
      });
  return holds_pins && queue_.AnyFront([&](const Sequence& front) {
    const std::optional<absl::Time> begin = front.room_wait_begin();
    return front.lane() != lane && begin.has_value() &&
           now - *begin > options_.pin_patience;
  });
}

// Blocks that are neither in use nor spoken for by prompts in progress.
int32_t Scheduler::NumUnclaimedBlocks() const {
  int32_t blocks = allocator_->num_available();
  for (const auto& sequence : running_) {
    blocks -= sequence->blocks().BlocksMissingFor(sequence->num_tokens());
  }
  return blocks;
}

// Whether a waiting sequence can be admitted as things stand. The blocks of its
// prefix that running sequences use are there already; those that nobody uses
// it takes out of the available ones, like new blocks. An Admit that follows at
// once takes what was counted on.
bool Scheduler::HasRoomFor(Sequence& sequence) {
  if (static_cast<int32_t>(running_.size()) >= options_.max_running) {
    return false;
  }
  const int32_t lacking =
      sequence.blocks().BlocksMissingFor(sequence.num_tokens() + 1) -
      NumUnclaimedBlocks();
  if (lacking <= 0) return true;
  // Only where it matters, since it costs a look at the prefix, and the choice
  // of a path is the better the later it is made.
  ResolvePath(sequence);
  return sequence.CountBlocksInUse(*allocator_) >= lacking;
}

// Preempts others for a sequence of a lane of which nothing runs, if that is
// enough to admit it.
bool Scheduler::MakeRoomFor(Sequence& sequence, BatchPlan& plan) {
  for (const Sequence* victim : VictimsFor(sequence)) Preempt(*victim, plan);
  return HasRoomFor(sequence);
}

// The youngest of the largest lanes, as few as make room for `sequence`; every
// lane keeps one. None if that is not enough. No block of its prefix is in use:
// only sequences of its own lane could share it, and none of them runs.
std::vector<const Sequence*> Scheduler::VictimsFor(
    const Sequence& sequence) const {
  std::vector<const Sequence*> running;
  for (const auto& other : running_) running.push_back(other.get());
  const int32_t needed =
      sequence.blocks().BlocksMissingFor(sequence.num_tokens() + 1);
  int32_t unclaimed = NumUnclaimedBlocks();
  std::vector<const Sequence*> victims;
  while (static_cast<int32_t>(running.size()) >= options_.max_running ||
         unclaimed < needed) {
    const Sequence* victim = YoungestOfLargestLane(running, 2);
    if (victim == nullptr) return {};
    victims.push_back(victim);
    unclaimed += victim->blocks().num_exclusive() +
                 victim->blocks().BlocksMissingFor(victim->num_tokens());
    std::erase(running, victim);
  }
  return victims;
}

// Takes `sequence` out of the plan too.
void Scheduler::Preempt(const Sequence& sequence, BatchPlan& plan) {
  std::erase_if(plan.items, [&sequence](const BatchPlan::Item& item) {
    return item.sequence == &sequence;
  });
  const auto it = std::find_if(
      running_.begin(), running_.end(),
      [&sequence](const auto& other) { return other.get() == &sequence; });
  std::unique_ptr<Sequence> preempted =
      RemoveRunning(static_cast<size_t>(it - running_.begin()));
  LogDebug("sequence_preempted", {{"sequence", preempted->id().value()}});
  preempted->Preempt();
  ++stats_.num_preemptions;
  queue_.PushFront(std::move(preempted));
}

bool Scheduler::IsRunning(const Sequence* sequence) const {
  return std::any_of(
      running_.begin(), running_.end(),
      [sequence](const auto& other) { return other.get() == sequence; });
}

std::unique_ptr<Sequence> Scheduler::RemoveRunning(size_t index) {
  std::unique_ptr<Sequence> sequence = std::move(running_[index]);
  running_.erase(running_.begin() + static_cast<int64_t>(index));
  queue_.EndService(sequence->lane());
  return sequence;
}

int32_t Scheduler::NumRunning(const std::string& lane) const {
  return static_cast<int32_t>(
      std::count_if(running_.begin(), running_.end(),
                    [&lane](const auto& s) { return s->lane() == lane; }));
}

std::vector<std::unique_ptr<Sequence>> Scheduler::Commit(
    const BatchPlan& plan, absl::Span<const StepOutcome> outcomes) {
  std::vector<std::unique_ptr<Sequence>> finished;
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const BatchPlan::Item& item = plan.items[i];
    const auto it = std::find_if(
        running_.begin(), running_.end(),
        [&item](const auto& s) { return s.get() == item.sequence; });
    Sequence& sequence = **it;
    const bool samples = item.samples();
    // What a preemption lost is not the lane's to pay for again.
    queue_.Charge(sequence.lane(),
                  sequence.MarkComputed(item.token_end, *allocator_));
    if (!samples) continue;
    sequence.AppendToken(outcomes[i].token_id);
    if (outcomes[i].finished) {
      finished.push_back(
          RemoveRunning(static_cast<size_t>(it - running_.begin())));
    }
  }
  return finished;
}

SchedulerStats Scheduler::stats() const {
  SchedulerStats stats = stats_;
  stats.num_running = static_cast<int32_t>(running_.size());
  stats.num_waiting = static_cast<int32_t>(queue_.size());
  stats.num_blocks = allocator_->num_blocks();
  stats.num_blocks_in_use = allocator_->num_in_use();
  return stats;
}

absl::Status Scheduler::CheckIntegrity() const {
  for (const auto& sequence : running_) {
    const int32_t capacity =
        sequence->blocks().num_blocks() * allocator_->block_size();
    if (sequence->num_computed() > capacity) {
      return absl::InternalError(
          absl::StrCat("sequence ", sequence->id().value(), " has ",
                       sequence->num_computed(), " computed tokens in ",
                       capacity, " positions"));
    }
  }
  if (running_.empty() && allocator_->num_in_use() != 0) {
    return absl::InternalError(absl::StrCat(
        "nothing runs, yet ", allocator_->num_in_use(), " blocks are in use"));
  }
  return allocator_->CheckIntegrity();
}

}  // namespace lora
