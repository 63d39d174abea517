// SPDX-License-Identifier: Apache-2.0
#include "tests/invariance/company.h"

#include <bit>
#include <utility>

#include "gtest/gtest.h"

namespace lora {
namespace {

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

// Read when the request table is empty: OnFinish was the last call.
class Recorder final : public TokenSink {
 public:
  void OnDelta(GenerationDelta delta) override {
    for (const TokenLogprobs& token : delta.logprobs) {
      answer.tokens.push_back(token.chosen.token_id);
      answer.logprob_bits.push_back(Bits(token.chosen.logprob));
      for (const TokenLogprob& top : token.top) {
        answer.logprob_bits.push_back(Bits(top.logprob));
      }
    }
  }
  void OnFinish(absl::StatusOr<GenerationResult> result) override {
    EXPECT_TRUE(result.ok()) << result.status();
    if (result.ok()) answer.cached_tokens = result->usage.cached_tokens;
    MutexLock lock(mu_);
    finished_ = true;
    ended_.NotifyAll();
  }

  CompanyAnswer Take() {
    MutexLock lock(mu_);
    while (!finished_) ended_.Wait(mu_);
    return std::move(answer);
  }

  CompanyAnswer answer;  // The loop's until the end.

 private:
  Mutex mu_;
  CondVar ended_;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

ScheduledRequest ToScheduled(const CompanyRequest& request, SequenceId id) {
  ScheduledRequest scheduled;
  scheduled.sequence.id = id;
  scheduled.sequence.prompt = request.prompt;
  scheduled.sequence.adapters = request.adapters;
  scheduled.sequence.path = request.path;
  scheduled.sequence.max_new_tokens = request.max_new_tokens;
  scheduled.sampling = request.sampling;
  // No end tokens: all answers have their full length.
  scheduled.output.max_new_tokens = request.max_new_tokens;
  scheduled.output.with_logprobs = true;
  return scheduled;
}

KvCache CacheOf(const DecoderModel& model, int32_t num_blocks) {
  return KvCache::Create(model.kv_shape(), num_blocks, model.device()).value();
}

}  // namespace

Company::Company(const CompanyOptions& options, ResidentWeights* weights,
                 const Tokenizer* tokenizer)
    : options_(options),
      weights_(weights),
      tokenizer_(tokenizer),
      allocator_(options.num_blocks,
                 static_cast<int32_t>(weights->model().kv_shape().block_size)),
      executor_(&weights->model(),
                CacheOf(weights->model(), options.num_blocks),
                options.num_threads) {}

std::vector<CompanyAnswer> Company::Answer(
    const std::vector<CompanyRequest>& requests) {
  RequestTable table(static_cast<int32_t>(requests.size()));
  auto loop = std::make_unique<StepLoop>(StepLoop::Parts{
      .scheduler = {.max_tokens_per_step =
                        options_.max_running + options_.chunk,
                    .max_prefill_tokens_per_step = options_.chunk,
                    .max_running = options_.max_running},
      .allocator = &allocator_,
      .router = weights_,
      .executor = &executor_,
      .tokenizer = tokenizer_,
      .requests = &table,
      .metrics = &metrics_,
      .clock = &clock_});
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (const CompanyRequest& request : requests) {
    const SequenceId id = table.Announce();
    recorders.push_back(std::make_shared<Recorder>());
    EXPECT_TRUE(table.Begin(id, {}, recorders.back()).ok());
    ScheduledRequest scheduled = ToScheduled(request, id);
    scheduled.sink = recorders.back();
    table.HandOver(id, {}, [&] { loop->Enqueue(std::move(scheduled)); });
  }
  loop->Start();
  std::vector<CompanyAnswer> answers;
  for (const auto& recorder : recorders) answers.push_back(recorder->Take());
  num_preemptions_ += loop->stats().num_preemptions;
  loop.reset();
  EXPECT_EQ(allocator_.num_in_use(), 0);
  EXPECT_TRUE(allocator_.CheckIntegrity().ok());
  return answers;
}

}  // namespace lora
