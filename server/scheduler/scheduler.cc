// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/scheduler.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace lora {
namespace {

bool IsPlanned(const BatchPlan& plan, const Sequence* sequence) {
  for (const BatchPlan::Item& item : plan.items) {
    if (item.sequence == sequence) return true;
  }
  return false;
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
  // By index: preempting shortens the list, at or behind the current place.
  for (size_t i = 0; i < running_.size(); ++i) {
    if (running_[i]->num_uncomputed() == 1) {
      AddItem(*running_[i], plan, budget);
    }
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
              return std::make_pair(queue_.service(a), a) <
                     std::make_pair(queue_.service(b), b);
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

bool Scheduler::AdmitFrom(const std::string& lane, absl::Time now,
                          BatchPlan& plan, Budget& budget) {
  if (!budget.admits || !queue_.HasWaiting(lane) || MustYield(lane, now)) {
    return false;
  }
  Admission result = TryAdmit(lane, now);
  if (result == Admission::kNoRoom && MakeRoomFor(lane, plan)) {
    result = TryAdmit(lane, now);
  }
  // A lane of which nothing runs must not be overtaken: what others give back
  // is for its prompt, however long.
  if (result == Admission::kNoRoom && NumRunning(lane) == 0) {
    budget.admits = false;
  }
  if (result != Admission::kAdmitted) return false;
  return AddItem(*running_.back(), plan, budget);
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

// Finds blocks for `sequence`, preempting the youngest sequences that are not
// in the plan yet; in the end `sequence` itself.
bool Scheduler::ReserveOrPreempt(Sequence& sequence, int32_t num_tokens,
                                 const BatchPlan& plan) {
  while (!sequence.ReserveBlocks(num_tokens)) {
    for (size_t i = running_.size(); i-- > 0;) {
      if (IsPlanned(plan, running_[i].get())) continue;
      const bool is_self = running_[i].get() == &sequence;
      PreemptAt(i);
      if (is_self) return false;
      break;
    }
  }
  return true;
}

Scheduler::Admission Scheduler::TryAdmit(const std::string& lane,
                                         absl::Time now) {
  Sequence& head = queue_.Front(lane);
  const int32_t blocks_needed =
      BlockTable(allocator_).BlocksMissingFor(head.num_tokens() + 1);
  if (static_cast<int32_t>(running_.size()) >= options_.max_running ||
      blocks_needed > allocator_->num_available()) {
    return Admission::kNoRoom;
  }
  if (!head.path().has_value()) {
    head.SetPath(router_->ChoosePath(QuestionOf(head)), options_.model_tag);
  }
  absl::StatusOr<ExecutionPins> pins =
      router_->TryPin(head.adapters(), *head.path());
  if (absl::IsUnavailable(pins.status())) {
    pin_blocked_since_.try_emplace(lane, now);
    head.NotePinWait(now);
    return Admission::kBlocked;
  }
  pin_blocked_since_.erase(lane);
  if (!pins.ok()) {
    failed_.push_back({queue_.PopFront(lane), pins.status()});
    return Admission::kFailed;
  }
  queue_.BeginService(lane);
  running_.push_back(queue_.PopFront(lane));
  Sequence& sequence = *running_.back();
  const bool first_admission = !sequence.first_admission_time().has_value();
  sequence.Admit(*std::move(pins), now);
  if (first_admission) {
    stats_.prompt_tokens += sequence.num_prompt_tokens();
    stats_.cached_tokens += sequence.num_cached_prompt_tokens();
  }
  return Admission::kAdmitted;
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

// A lane that already runs takes no further sequence while another has waited
// too long for device memory: the pins it holds are what the other waits for.
bool Scheduler::MustYield(const std::string& lane, absl::Time now) {
  if (NumRunning(lane) == 0) return false;
  for (auto it = pin_blocked_since_.begin(); it != pin_blocked_since_.end();) {
    if (!queue_.HasWaiting(it->first)) {
      it = pin_blocked_since_.erase(it);  // Its sequences were cancelled.
      continue;
    }
    if (it->first != lane && now - it->second > options_.pin_patience) {
      return true;
    }
    ++it;
  }
  return false;
}

// Preempts the youngest sequence of the lane with the most running ones, for
// a lane that has none; it leaves the plan too.
bool Scheduler::MakeRoomFor(const std::string& lane, BatchPlan& plan) {
  if (NumRunning(lane) > 0) return false;
  int32_t most = 1;
  size_t victim = running_.size();
  for (size_t i = 0; i < running_.size(); ++i) {
    const int32_t count = NumRunning(running_[i]->lane());
    if (count < most || count < 2) continue;
    most = count;
    victim = i;
  }
  if (victim == running_.size()) return false;
  const Sequence* sequence = running_[victim].get();
  std::erase_if(plan.items, [sequence](const BatchPlan::Item& item) {
    return item.sequence == sequence;
  });
  PreemptAt(victim);
  return true;
}

void Scheduler::PreemptAt(size_t index) {
  std::unique_ptr<Sequence> sequence = RemoveRunning(index);
  LogDebug("sequence_preempted", {{"sequence", sequence->id().value()}});
  sequence->Preempt();
  ++stats_.num_preemptions;
  queue_.PushFront(std::move(sequence));
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
    queue_.Charge(sequence.lane(), item.num_rows());
    const bool samples = item.samples();
    sequence.MarkComputed(item.token_end, *allocator_);
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
