// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/runner.h"

#include <map>
#include <set>
#include <thread>

#include "bench/loadgen/report.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/rpc_test_util.h"

namespace lora::loadgen {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

// Against the real services over fakes.
class RunLoadTest : public RpcTest {
 protected:
  void Start(FakeEngine::Script script) {
    StartReadyServer(std::move(script));
    client_ = *Client::Connect({.endpoint = target(), .retry = {1}});
  }

  static Workload WorkloadOf(const std::string& popularity) {
    return Workload(
        {.prompts = {"hello"}},
        *AdapterPicker::Create(*ParsePopularity(popularity), {"a", "b"}, 1));
  }

  std::unique_ptr<Client> client_;
};

TEST_F(RunLoadTest, EveryRequestBecomesASample) {
  Start(EchoScript);
  const RunResult result =
      RunLoad(*client_, WorkloadOf("distinct"),
              {.concurrency = 3, .arrivals = {.max_requests = 10}});
  ASSERT_THAT(result.samples, SizeIs(10));
  std::map<std::string, int> requests;
  for (const Sample& sample : result.samples) {
    EXPECT_OK(sample.status);
    EXPECT_EQ(sample.completion_tokens, 7) << "a:hello";
    EXPECT_GT(sample.first_token, absl::ZeroDuration());
    EXPECT_GE(sample.total, sample.first_token);
    EXPECT_LE(sample.total, result.elapsed);
    ++requests[sample.adapter];
  }
  EXPECT_THAT(requests, ElementsAre(Pair("a", 5), Pair("b", 5)));
}

TEST_F(RunLoadTest, AFailedRequestIsASampleToo) {
  Start([](FakeEngine& engine, const FakeEngine::Submission& submission) {
    engine.Finish(submission.id,
                  Error(absl::StatusCode::kResourceExhausted,
                        ErrorReason::kQueue, "the queue is full"));
  });
  const FullReport report =
      BuildReport(RunLoad(*client_, WorkloadOf("none"),
                          {.concurrency = 1, .arrivals = {.max_requests = 2}}));
  EXPECT_THAT(report.all.errors,
              ElementsAre(Pair("RESOURCE_EXHAUSTED (QUEUE)", 2)));
}

TEST_F(RunLoadTest, AClosedLoopKeepsItsRequestsInFlight) {
  Start(nullptr);
  RunResult result;
  std::thread run([&] {
    result = RunLoad(*client_, WorkloadOf("none"),
                     {.concurrency = 2, .arrivals = {.max_requests = 3}});
  });
  // The third waits for an answer.
  const SequenceId first = engine_->NextSubmission().id;
  const SequenceId second = engine_->NextSubmission().id;
  engine_->Finish(first, GenerationResult{});
  const SequenceId third = engine_->NextSubmission().id;
  engine_->Finish(second, GenerationResult{});
  engine_->Finish(third, GenerationResult{});
  run.join();
  EXPECT_THAT(result.samples, SizeIs(3));
}

// A server that answers only the clients of "b" shows as one.
TEST_F(RunLoadTest, SteadyClientsShowAnUnfairServer) {
  Start(nullptr);
  FullReport report;
  std::thread run([&] {
    report = BuildReport(
        RunLoad(*client_, WorkloadOf("steady"),
                {.concurrency = 2, .arrivals = {.max_requests = 6}}));
  });
  std::optional<SequenceId> starved;
  for (int i = 0; i < 6; ++i) {
    const FakeEngine::Submission submission = engine_->NextSubmission();
    if (submission.request.adapters.front().id.value() == "a") {
      ASSERT_FALSE(starved.has_value()) << "a second request of a client";
      starved = submission.id;
    } else {
      EchoScript(*engine_, submission);
    }
  }
  engine_->Finish(*starved,
                  GenerationResult{.usage = {.completion_tokens = 7}});
  run.join();
  EXPECT_EQ(report.by_adapter.at("a").requests, 1);
  EXPECT_EQ(report.by_adapter.at("b").requests, 5);
  EXPECT_EQ(report.slowest_over_fastest(), 1.0 / 5);
}

}  // namespace
}  // namespace lora::loadgen
