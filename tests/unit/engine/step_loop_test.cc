// SPDX-License-Identifier: Apache-2.0
#include "server/engine/step_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/base/task_pool.h"
#include "server/engine/engine_router.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_router.h"
#include "tests/fakes/fake_step_executor.h"
#include "tests/support/callback_result.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr int32_t kBlockSize = 4;
constexpr int32_t kVocab = 260;
constexpr int32_t kToken = 100;
constexpr int32_t kEos = 2;

// The example's tokenizer: one token a byte.
const Tokenizer& ByteTokenizer() {
  static const auto* const tokenizer =
      Tokenizer::Load("examples/skills/base").value().release();
  return *tokenizer;
}

// What is held when a sink hears of the end.
struct Held {
  int32_t blocks = 0;
  int pins = 0;
};

// Keeps an answer. `held` is asked on the loop's thread.
class Answer final : public TokenSink {
 public:
  explicit Answer(absl::AnyInvocable<Held()> held) : held_(std::move(held)) {}

  void OnDelta(GenerationDelta delta) override {
    MutexLock lock(mu_);
    tokens_.insert(tokens_.end(), delta.token_ids.begin(),
                   delta.token_ids.end());
  }
  void OnFinish(absl::StatusOr<GenerationResult> result) override {
    held_at_end_ = held_();
    on_finish_(std::move(result));
  }

  bool ended() const { return result_.called(); }
  // These wait for the end.
  const absl::StatusOr<GenerationResult>& result() { return result_.Await(); }
  Held held_at_end() {
    result();
    return held_at_end_;
  }
  std::vector<int32_t> tokens() const {
    MutexLock lock(mu_);
    return tokens_;
  }

 private:
  absl::AnyInvocable<Held()> held_;
  Held held_at_end_;
  CallbackResult<absl::StatusOr<GenerationResult>> result_;
  absl::AnyInvocable<void(absl::StatusOr<GenerationResult>)> on_finish_ =
      result_.Callback();
  mutable Mutex mu_;
  std::vector<int32_t> tokens_ ABSL_GUARDED_BY(mu_);
};

class StepLoopTest : public ::testing::Test {
 protected:
  struct Request {
    SequenceId id;
    std::shared_ptr<Answer> answer;
  };
  struct RequestOptions {
    std::string adapter;
    int32_t prompt_tokens = 3;
    int32_t max_new_tokens = 100;
    PathPreference path = PathPreference::kAuto;
  };

  void SetUp() override { executor_.set_token(kToken); }
  void TearDown() override {
    executor_.RunFreely();
    loop_.reset();
  }

  void Build(int32_t num_blocks, SchedulerOptions options = {},
             PathRouter* router = nullptr) {
    allocator_ = std::make_unique<BlockAllocator>(num_blocks, kBlockSize);
    loop_ = std::make_unique<StepLoop>(
        StepLoop::Parts{.scheduler = std::move(options),
                        .allocator = allocator_.get(),
                        .router = router == nullptr ? &router_ : router,
                        .executor = &executor_,
                        .tokenizer = &ByteTokenizer(),
                        .requests = &requests_,
                        .metrics = &metrics_,
                        .clock = &clock_});
  }

  Request Submit(const RequestOptions& options) {
    const SequenceId id = requests_.Announce();
    const auto answer = std::make_shared<Answer>([this] {
      return Held{.blocks = allocator_->num_in_use(),
                  .pins = router_.num_pinned};
    });
    EXPECT_OK(requests_.Begin(id, {}, answer));
    ScheduledRequest request;
    request.sequence.id = id;
    request.sequence.prompt.assign(options.prompt_tokens, kToken);
    request.sequence.path = options.path;
    if (!options.adapter.empty()) {
      request.sequence.adapters = {KeyOf(options.adapter)};
    }
    request.output.max_new_tokens = options.max_new_tokens;
    request.output.end_token_ids = {kEos};
    request.sink = answer;
    EXPECT_TRUE(requests_.HandOver(
        id, {}, [&] { loop_->Enqueue(std::move(request)); }));
    return {id, answer};
  }

  // Runs `num_steps` steps, and returns the rows of the last.
  FakeStepExecutor::Rows Step(int num_steps = 1) {
    FakeStepExecutor::Rows rows;
    for (int i = 0; i < num_steps; ++i) {
      rows = executor_.AwaitStep();
      executor_.EndStep();
    }
    return rows;
  }

  // The step after the one in flight has begun: the loop is done with that.
  FakeStepExecutor::Rows NextStep() {
    executor_.EndStep();
    return executor_.AwaitStep();
  }

  static void ExpectHoldsNothing(Answer& answer) {
    EXPECT_EQ(answer.held_at_end().blocks, 0);
    EXPECT_EQ(answer.held_at_end().pins, 0);
  }

  FakeClock clock_;
  FakeRouter router_;
  FakeStepExecutor executor_{kVocab};
  RequestTable requests_{100};
  prometheus::Registry registry_;
  EngineMetrics metrics_{registry_};
  std::unique_ptr<BlockAllocator> allocator_;
  std::unique_ptr<StepLoop> loop_;
};

TEST_F(StepLoopTest, ARequestRunsToItsEndAndHoldsNothingThen) {
  Build(8);
  const Request request = Submit({.adapter = "a", .max_new_tokens = 3});
  loop_->Start();
  EXPECT_THAT(Step(), ElementsAre(Pair(request.id, 3)));
  EXPECT_THAT(Step(2), ElementsAre(Pair(request.id, 1)));
  const auto& result = request.answer->result();
  ASSERT_OK(result);
  EXPECT_EQ(result->reason, FinishReason::kLength);
  EXPECT_EQ(result->usage.prompt_tokens, 3);
  EXPECT_EQ(result->usage.completion_tokens, 3);
  EXPECT_THAT(request.answer->tokens(), ElementsAre(kToken, kToken, kToken));
  ExpectHoldsNothing(*request.answer);
}

// How a request can be ended from outside.
class StepLoopEndTest : public StepLoopTest,
                        public ::testing::WithParamInterface<absl::StatusCode> {
 protected:
  void End(const Request& request) {
    loop_->End(request.id, absl::Status(GetParam(), "ended"));
  }
  void ExpectEnded(const Request& request) {
    EXPECT_THAT(request.answer->result(), StatusIs(GetParam()));
  }
};

INSTANTIATE_TEST_SUITE_P(Reasons, StepLoopEndTest,
                         ::testing::Values(absl::StatusCode::kCancelled,
                                           absl::StatusCode::kDeadlineExceeded),
                         [](const auto& info) {
                           return info.param == absl::StatusCode::kCancelled
                                      ? "cancel"
                                      : "deadline";
                         });

TEST_P(StepLoopEndTest, WithItsArrival) {
  Build(8);
  const Request request = Submit({.adapter = "a"});
  End(request);
  loop_->Start();
  ExpectEnded(request);
  EXPECT_THAT(request.answer->tokens(), IsEmpty());
  ExpectHoldsNothing(*request.answer);
}

TEST_P(StepLoopEndTest, WhileItWaitsForItsWeights) {
  Build(8);
  router_.missing = {"a"};
  const Request request = Submit({.adapter = "a"});
  loop_->Start();
  End(request);
  ExpectEnded(request);
  ExpectHoldsNothing(*request.answer);
}

TEST_P(StepLoopEndTest, WhileItWaitsBehindOthers) {
  Build(8, {.max_running = 1});
  const Request running = Submit({.adapter = "a"});
  const Request waiting = Submit({.adapter = "a"});
  loop_->Start();
  EXPECT_THAT(executor_.AwaitStep(), ElementsAre(Pair(running.id, 3)));
  End(waiting);
  EXPECT_FALSE(waiting.answer->ended());
  EXPECT_THAT(NextStep(), ElementsAre(Pair(running.id, 1)));
  EXPECT_TRUE(waiting.answer->ended());
  ExpectEnded(waiting);
  EXPECT_FALSE(running.answer->ended());
  End(running);
  executor_.EndStep();
  ExpectEnded(running);
}

TEST_P(StepLoopEndTest, WhileItsPromptIsComputed) {
  Build(8, {.max_prefill_tokens_per_step = 8});
  const Request request = Submit({.adapter = "a", .prompt_tokens = 20});
  loop_->Start();
  EXPECT_THAT(executor_.AwaitStep(), ElementsAre(Pair(request.id, 8)));
  End(request);
  EXPECT_FALSE(request.answer->ended());
  executor_.EndStep();
  ExpectEnded(request);
  EXPECT_THAT(request.answer->tokens(), IsEmpty());
  ExpectHoldsNothing(*request.answer);
}

TEST_P(StepLoopEndTest, WhileItDecodes) {
  Build(8);
  const Request request = Submit({.adapter = "a"});
  loop_->Start();
  Step(2);
  EXPECT_THAT(executor_.AwaitStep(), ElementsAre(Pair(request.id, 1)));
  End(request);
  executor_.EndStep();
  ExpectEnded(request);
  ExpectHoldsNothing(*request.answer);
}

TEST_P(StepLoopEndTest, WhileItIsPreempted) {
  Build(3);
  const Request first = Submit({.adapter = "a", .prompt_tokens = 4});
  const Request second = Submit({.adapter = "b", .prompt_tokens = 4});
  loop_->Start();
  EXPECT_THAT(executor_.AwaitStep(), SizeIs(2));
  EXPECT_THAT(NextStep(), ElementsAre(Pair(first.id, 1)));
  End(second);
  EXPECT_THAT(NextStep(), ElementsAre(Pair(first.id, 1)));
  EXPECT_TRUE(second.answer->ended());
  ExpectEnded(second);
  EXPECT_THAT(second.answer->tokens(), SizeIs(1));
  EXPECT_EQ(second.answer->held_at_end().pins, 1);  // The first one's.
  End(first);
  executor_.EndStep();
  ExpectEnded(first);
  ExpectHoldsNothing(*first.answer);
}

TEST_P(StepLoopEndTest, BetweenPlanAndCommitItTakesEffectAtCommit) {
  Build(8);
  const Request request = Submit({.adapter = "a"});
  loop_->Start();
  executor_.AwaitStep();
  End(request);
  // The step in flight keeps its blocks and pins, and its token counts.
  EXPECT_FALSE(request.answer->ended());
  EXPECT_EQ(allocator_->num_in_use(), 1);
  EXPECT_EQ(router_.num_pinned, 1);
  executor_.EndStep();
  ExpectEnded(request);
  EXPECT_THAT(request.answer->tokens(), ElementsAre(kToken));
  ExpectHoldsNothing(*request.answer);
}

TEST_P(StepLoopEndTest, AfterItHasFinishedIsIgnored) {
  Build(8);
  const Request request = Submit({.max_new_tokens = 1});
  loop_->Start();
  executor_.AwaitStep();
  End(request);  // Its last step.
  executor_.EndStep();
  EXPECT_OK(request.answer->result());
}

TEST_F(StepLoopTest, AFailingStepFailsItsSequencesAndTheOthersGoOn) {
  Build(8, {.max_running = 2});
  const Request one = Submit({.adapter = "a"});
  const Request two = Submit({.adapter = "b"});
  const Request waiting = Submit({.adapter = "a", .max_new_tokens = 1});
  loop_->Start();
  EXPECT_THAT(executor_.AwaitStep(), SizeIs(2));
  executor_.EndStep(absl::InternalError("the kernel failed"));
  EXPECT_THAT(one.answer->result(), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(two.answer->result(), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(Step(), ElementsAre(Pair(waiting.id, 3)));
  EXPECT_OK(waiting.answer->result());
  ExpectHoldsNothing(*waiting.answer);
}

TEST_F(StepLoopTest, AllThatCanNeverRunEndWithoutAnotherEvent) {
  Build(8);
  router_.broken = {"bad"};
  const Request one = Submit({.adapter = "bad"});
  const Request two = Submit({.adapter = "bad"});
  loop_->Start();
  EXPECT_THAT(one.answer->result(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(two.answer->result(), StatusIs(absl::StatusCode::kDataLoss));
}

// Merged copies for which there is no room, as a thread of its own finds out.
class NoRoomToMerge final : public MergedRoutes {
 public:
  ExecutionPath Choose(const RouteQuestion&) override {
    return ExecutionPath::kMerged;
  }
  std::unique_ptr<MergedPin> TryPin(absl::Span<const WeightedKey>) override {
    return nullptr;
  }
  void Build(std::vector<WeightedKey>,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    thread_.Post([done = std::move(done)]() mutable {
      std::move(done)(absl::ResourceExhaustedError("more than the budget"));
    });
  }
  bool WaitsForRoom(absl::Span<const WeightedKey>) const override {
    return false;
  }

 private:
  TaskPool thread_{1};
};

TEST_F(StepLoopTest, AnIdleLoopEndsEveryRequestWhoseMergeFails) {
  auto merges = std::make_unique<NoRoomToMerge>();
  EngineRouter router(nullptr, merges.get(), [this] { loop_->Wake(); });
  Build(8, {}, &router);
  const RequestOptions merged{.adapter = "a", .path = PathPreference::kMerged};
  const Request one = Submit(merged);
  const Request two = Submit(merged);
  loop_->Start();
  EXPECT_THAT(one.answer->result(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(two.answer->result(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  merges.reset();
  loop_.reset();
}

TEST_F(StepLoopTest, ABaseWithoutFiniteLogitsIsTheServersFault) {
  Build(8);
  const Request broken = Submit({});
  executor_.BreakLogitsOf(broken.id);
  loop_->Start();
  Step(1);
  EXPECT_THAT(broken.answer->result(),
              StatusIs(absl::StatusCode::kInternal, ErrorReason::kInternal));
}

TEST_F(StepLoopTest, ASequenceWithoutFiniteLogitsFailsAlone) {
  Build(8);
  const Request broken = Submit({.adapter = "a"});
  const Request sound = Submit({.adapter = "a", .max_new_tokens = 2});
  executor_.BreakLogitsOf(broken.id);
  loop_->Start();
  Step(2);
  EXPECT_THAT(
      broken.answer->result(),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kNonFinite));
  EXPECT_THAT(broken.answer->tokens(), IsEmpty());
  EXPECT_OK(sound.answer->result());
  EXPECT_THAT(sound.answer->tokens(), ElementsAre(kToken, kToken));
  ExpectHoldsNothing(*sound.answer);
}

TEST_F(StepLoopTest, APrefixIsFoundUntilItsAdapterIsForgotten) {
  Build(8);
  executor_.RunFreely();
  loop_->Start();
  const RequestOptions options{
      .adapter = "a", .prompt_tokens = 9, .max_new_tokens = 1};
  const auto cached_tokens = [&] {
    return Submit(options).answer->result()->usage.cached_tokens;
  };
  EXPECT_EQ(cached_tokens(), 0);
  EXPECT_EQ(cached_tokens(), 8);
  loop_->ForgetAdapter(KeyOf("a").key);
  EXPECT_EQ(cached_tokens(), 0);
}

}  // namespace
}  // namespace lora
