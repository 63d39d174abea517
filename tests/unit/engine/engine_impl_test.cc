// SPDX-License-Identifier: Apache-2.0
#include "server/engine/engine_impl.h"

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;

constexpr int32_t kVocabSize = 260;
constexpr int32_t kLetter = 'x' + 3;  // Of the example's tokenizer.

const Tokenizer& ByteTokenizer() {
  static const auto* const tokenizer =
      Tokenizer::Load("examples/skills/base").value().release();
  return *tokenizer;
}

// A model that says 'x'. Reaches the sync point "Step" in each step.
class LetterModel final : public StepExecutor {
 public:
  explicit LetterModel(SyncPoints* sync) : sync_(sync) {}

  absl::StatusOr<StepLogits> Execute(const BatchPlan& plan) override {
    ReachSyncPoint(sync_, "Step");
    logits_.assign(plan.items.size() * kVocabSize, 0.0f);
    for (size_t row = 0; row < plan.items.size(); ++row) {
      logits_[row * kVocabSize + kLetter] = 1.0f;
    }
    return StepLogits{.values = logits_, .vocab_size = kVocabSize};
  }

 private:
  SyncPoints* const sync_;
  std::vector<float> logits_;
};

// Merges nothing.
class NoMerges final : public MergeWorker {
 public:
  ExecutionPath Choose(const RouteQuestion&) override {
    return ExecutionPath::kUnmerged;
  }
  std::unique_ptr<MergedPin> TryPin(absl::Span<const WeightedKey>) override {
    return nullptr;
  }
  void Build(std::vector<WeightedKey>,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    std::move(done)(absl::UnimplementedError("no merges"));
  }
  bool WaitsForRoom(absl::Span<const WeightedKey>) const override {
    return false;
  }
  MergeId Merge(std::vector<WeightedAdapterId>, bool,
                MergeCallback done) override {
    std::move(done)(absl::UnimplementedError("no merges"));
    return MergeId();
  }
  void CancelMerge(MergeId) override {}
  int64_t CancelUsers(const AdapterKey&) override { return 0; }
  absl::StatusOr<int64_t> Unmerge(
      const std::string&, absl::Span<const WeightedAdapterId>) override {
    return 0;
  }
  std::vector<MergedAdapterInfo> List() const override { return {}; }
  MemoryUse memory() const override { return {}; }
  int64_t ReleaseCopies(const AdapterKey&) override { return 0; }
};

// One request's outcome.
class Answer final : public TokenSink {
 public:
  void OnDelta(GenerationDelta) override {}
  void OnFinish(absl::StatusOr<GenerationResult> result) override {
    finish_(std::move(result));
  }
  const absl::StatusOr<GenerationResult>& Await() { return result_.Await(); }

 private:
  using Result = absl::StatusOr<GenerationResult>;
  CallbackResult<Result> result_;
  std::function<void(Result)> finish_ = result_.Callback();
};

class EngineImplTest : public ::testing::Test {
 protected:
  EngineImplTest() {
    EngineOptions options;
    options.num_kv_blocks = 16;
    options.kv_block_size = 16;
    options.num_workers = 1;
    options.max_text_calls = 2;
    options.limits = {.vocab_size = kVocabSize, .max_context = 100};
    engine_ = std::make_unique<EngineImpl>(
        options,
        EngineImpl::Parts{
            .tokenizer = &ByteTokenizer(),
            .adapters = &plane_.manager(),
            .residency = &plane_.manager().residency(),
            .adapter_stats = [this] { return plane_.manager().Stats(); },
            .executor = &model_,
            .merges = &merges_,
            .metrics = &metrics_,
            .clock = &plane_.clock(),
            .sync = &plane_.sync()});
    plane_.manager().AddDependent(engine_.get());
  }
  ~EngineImplTest() override { ShutDown(); }

  // In the order of the server.
  void ShutDown() {
    if (engine_ == nullptr) return;
    engine_->Drain(absl::InfinitePast()).IgnoreError();
    plane_.manager().Close();
    engine_.reset();
  }

  struct Running {
    SequenceId id;
    std::shared_ptr<Answer> answer = std::make_shared<Answer>();
  };
  Running Submit(const std::vector<std::string>& adapters,
                 absl::Time deadline = absl::InfiniteFuture()) {
    GenerationRequest request;
    request.prompt.content = "hi";
    request.max_new_tokens = 1;
    request.deadline = deadline;
    for (const std::string& id : adapters) {
      request.adapters.push_back({AdapterId(id)});
    }
    Running running{engine_->NewSequenceId()};
    engine_->Submit(running.id, std::move(request), running.answer);
    return running;
  }

  // An adapter that its first request loads.
  void Register(const std::string& id) {
    plane_.loader().Put(id, {.content = id});
    ASSERT_OK(plane_.manager().Register({.id = AdapterId(id), .source = id}));
  }

  TestPlane plane_;
  prometheus::Registry registry_;
  EngineMetrics metrics_{registry_};
  LetterModel model_{&plane_.sync()};
  NoMerges merges_;
  std::unique_ptr<EngineImpl> engine_;
};

TEST_F(EngineImplTest, ARequestIsAnswered) {
  const Running running = Submit({});
  ASSERT_OK(running.answer->Await());
  EXPECT_EQ(running.answer->Await()->usage.completion_tokens, 1);
}

TEST_F(EngineImplTest, ADeadlineThatHasPassedEndsARequestThatWaits) {
  Register("a");
  plane_.sync().Hold("Read:a");
  const Running running =
      Submit({"a"}, plane_.clock().Now() + absl::Seconds(5));
  plane_.sync().AwaitArrivals("Read:a", 1);
  plane_.clock().Advance(absl::Seconds(5));
  EXPECT_THAT(running.answer->Await(),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  plane_.sync().Release("Read:a");
}

TEST_F(EngineImplTest, TheTierIsWhereAnAdapterWasWhenTheRequestCame) {
  Register("a");
  plane_.sync().Hold("Read:a");
  const Running first = Submit({"a"});
  plane_.sync().AwaitArrivals("Read:a", 1);
  plane_.clock().Advance(absl::Seconds(3));
  plane_.sync().Release("Read:a");
  ASSERT_OK(first.answer->Await());
  const UsedAdapter& found = first.answer->Await()->provenance.adapters[0];
  EXPECT_EQ(found.tier_found, AdapterTier::kDisk);
  EXPECT_EQ(found.load_time, absl::Seconds(3));

  const Running second = Submit({"a"});
  ASSERT_OK(second.answer->Await());
  const UsedAdapter& again = second.answer->Await()->provenance.adapters[0];
  EXPECT_EQ(again.tier_found, AdapterTier::kDevice);
  EXPECT_EQ(again.load_time, absl::ZeroDuration());
}

TEST_F(EngineImplTest, AForcedUnloadEndsARequestThatHasJustGotItsLease) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.sync().Hold("EngineImpl::OnLeases");
  const Running running = Submit({"a"});
  plane_.sync().AwaitArrivals("EngineImpl::OnLeases", 1);
  CallbackResult<absl::StatusOr<UnloadResult>> unload;
  plane_.manager().Unload({.id = AdapterId("a"),
                           .drain_timeout = absl::ZeroDuration(),
                           .force = true},
                          unload.Callback());
  const auto& result = running.answer->Await();
  EXPECT_THAT(result,
              StatusIs(absl::StatusCode::kAborted, ErrorReason::kAborted));
  EXPECT_EQ(GetErrorMetadata(result.status()).at("adapter_id"), "a");
  plane_.sync().Release("EngineImpl::OnLeases");
  ASSERT_OK(unload.Await());
  EXPECT_EQ(unload.Await()->cancelled_requests, 1);
}

TEST_F(EngineImplTest, AFetchThatOutlivesItsRequestEndsBeforeTheEngine) {
  // Both do not fit the device.
  for (const std::string id : {"a", "b"}) {
    plane_.loader().Put(id, {.content = id, .device_bytes = 60});
    ASSERT_OK(plane_.Load({.id = AdapterId(id), .source = id}));
  }
  constexpr char kPoint[] = "DevicePromoter::Upload";
  plane_.sync().Hold(kPoint);
  const int64_t arrivals = plane_.sync().Arrivals(kPoint);
  const Running running = Submit({"a"});
  plane_.sync().AwaitArrivals(kPoint, arrivals + 1);
  engine_->Cancel(running.id);
  EXPECT_THAT(running.answer->Await(), StatusIs(absl::StatusCode::kCancelled));
  std::thread shutdown([this] { ShutDown(); });
  plane_.sync().Release(kPoint);
  shutdown.join();
}

TEST_F(EngineImplTest, LeasesThatComeTooLateComeBeforeTheEngineEnds) {
  Register("a");
  plane_.sync().Hold("EngineImpl::OnLeases");
  const Running running = Submit({"a"});
  plane_.sync().AwaitArrivals("EngineImpl::OnLeases", 1);
  engine_->Cancel(running.id);
  EXPECT_THAT(running.answer->Await(), StatusIs(absl::StatusCode::kCancelled));
  std::thread shutdown([this] { ShutDown(); });
  plane_.sync().Release("EngineImpl::OnLeases");
  shutdown.join();
}

TEST_F(EngineImplTest, AReplacedVersionMayGoWithTheLastRequest) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  plane_.sync().Hold("Step");
  const Running running = Submit({"a"});
  plane_.sync().AwaitArrivals("Step", 1);
  ASSERT_OK(plane_.LoadContent("a", "v2"));
  std::thread shutdown([this] { ShutDown(); });
  plane_.sync().Release("Step");
  shutdown.join();
  running.answer->Await();
}

TEST_F(EngineImplTest, TextCallsThatWaitAreBounded) {
  std::promise<void> reached;
  std::promise<void> go_on;
  CallbackResult<absl::StatusOr<TokenizedPrompt>> gone;
  engine_->Tokenize(
      {.content = "hi"},
      [&] {
        reached.set_value();
        go_on.get_future().wait();
        return false;
      },
      gone.Callback());
  reached.get_future().wait();
  CallbackResult<absl::StatusOr<std::string>> waiting;
  engine_->Detokenize(
      {kLetter}, false, [] { return true; }, waiting.Callback());
  CallbackResult<absl::StatusOr<TokenizedPrompt>> refused;
  engine_->Tokenize(
      {.content = "hi"}, [] { return true; }, refused.Callback());
  EXPECT_TRUE(refused.called());
  EXPECT_THAT(refused.Await(), StatusIs(absl::StatusCode::kResourceExhausted,
                                        ErrorReason::kQueue));
  go_on.set_value();
  EXPECT_THAT(gone.Await(),
              StatusIs(absl::StatusCode::kCancelled, ErrorReason::kCancelled));
  EXPECT_THAT(waiting.Await(), IsOkAndHolds("x"));
}

TEST_F(EngineImplTest, ARequestThatEndedBeforeItsTurnIsNotPrepared) {
  Register("a");
  std::promise<void> go_on;
  CallbackResult<absl::StatusOr<TokenizedPrompt>> first;
  engine_->Tokenize(
      {.content = "hi"},
      [&] {
        go_on.get_future().wait();
        return true;
      },
      first.Callback());
  const Running running = Submit({"a"});
  engine_->Cancel(running.id);
  EXPECT_THAT(running.answer->Await(),
              StatusIs(absl::StatusCode::kCancelled, ErrorReason::kCancelled));
  go_on.set_value();
  ASSERT_OK(Submit({}).answer->Await());  // The worker has gone past it.
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info,
                       plane_.manager().Get(AdapterId("a")));
  EXPECT_EQ(info.requests_total, 0);
}

TEST_F(EngineImplTest, AMebibyteOfTextIsTokenisedAndNoMore) {
  for (const int64_t extra : {0, 1}) {
    CallbackResult<absl::StatusOr<TokenizedPrompt>> tokens;
    engine_->Tokenize(
        {.content = std::string((size_t{1} << 20) + extra, 'x')},
        [] { return true; }, tokens.Callback());
    EXPECT_EQ(tokens.Await().status().code(),
              extra == 0 ? absl::StatusCode::kOk
                         : absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(EngineImplTest, TextGoesToTokensAndBack) {
  CallbackResult<absl::StatusOr<TokenizedPrompt>> tokens;
  engine_->Tokenize(
      {.content = "x"}, [] { return true; }, tokens.Callback());
  ASSERT_OK(tokens.Await());
  EXPECT_THAT(tokens.Await()->ids, ElementsAre(kLetter));
  EXPECT_THAT(tokens.Await()->pieces, ElementsAre("x"));
  CallbackResult<absl::StatusOr<std::string>> text;
  engine_->Detokenize(
      {kVocabSize}, false, [] { return true; }, text.Callback());
  EXPECT_THAT(text.Await(), StatusIs(absl::StatusCode::kInvalidArgument,
                                     ErrorReason::kInput));
}

TEST_F(EngineImplTest, AMergeNamesAdaptersOnceEach) {
  for (const std::vector<WeightedAdapterId>& components :
       {std::vector<WeightedAdapterId>{},
        std::vector<WeightedAdapterId>{{AdapterId("a")}, {AdapterId("a")}}}) {
    CallbackResult<absl::StatusOr<MergedAdapterInfo>> merged;
    engine_->Merge(components, false, merged.Callback());
    EXPECT_THAT(merged.Await(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         ErrorReason::kWeights));
  }
}

}  // namespace
}  // namespace lora
