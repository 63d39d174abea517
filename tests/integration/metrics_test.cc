// SPDX-License-Identifier: Apache-2.0
// What Prometheus sees of the real server.
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/long_context_model.h"
#include "tests/support/metrics_scrape.h"
#include "tests/support/running_request.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

using ::testing::Gt;

class MetricsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(
        server_,
        ServerProcess::Start(
            {.model = model_.path(),
             .flags = {"--metrics-listen", "127.0.0.1:0", "--max-running", "1",
                       "--auto-path", "unmerged"}}));
    for (const char* skill : {"upper", "reverse"}) {
      ASSERT_OK(client().LoadAdapter(LoadRequest(skill, skill)));
    }
  }
  Client& client() { return server_->client(); }

  MetricsScrape Read() { return ScrapeMetrics(*server_); }
  // Gauges are refreshed from time to time.
  bool WaitUntil(absl::FunctionRef<bool(const MetricsScrape&)> condition) {
    return server_->WaitUntil(
        [&](const v1::ServerInfo&) { return condition(Read()); });
  }

  const LongContextModel model_;
  const std::string word_ = Skills::Get().words()[7];
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(MetricsTest, RequestsTokensAndAdaptersAreCounted) {
  const MetricsScrape before = Read();
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  constexpr int kRequests = 3;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                         client().GenerateText(Ask(word_, "upper")));
    prompt_tokens += answer.usage().prompt_tokens();
    completion_tokens += answer.usage().completion_tokens();
  }
  ASSERT_OK(client().GenerateText(AskForTokens(5)));
  EXPECT_FALSE(client().GenerateText(Ask(word_, "missing")).ok());

  const MetricsScrape after = Read();
  const auto grown = [&](absl::string_view name) {
    return after[name] - before[name];
  };
  const int64_t base_prompt_tokens = 6;  // "hello>".
  EXPECT_EQ(grown(R"(lora_requests_total{code="OK",path="unmerged"})"),
            kRequests + 1);
  EXPECT_EQ(grown(R"(lora_requests_total{code="NOT_FOUND",path=""})"), 1);
  EXPECT_EQ(grown(R"(lora_tokens_total{kind="prompt"})"),
            prompt_tokens + base_prompt_tokens);
  EXPECT_EQ(grown(R"(lora_tokens_total{kind="completion"})"),
            completion_tokens + 5);
  EXPECT_EQ(grown(R"(lora_adapter_requests_total{adapter="upper"})"),
            kRequests);
  EXPECT_EQ(grown(R"(lora_adapter_completion_tokens_total{adapter="upper"})"),
            completion_tokens);
  EXPECT_EQ(grown(R"(lora_adapter_requests_total{adapter="reverse"})"), 0);
  // A prompt this short is one step, and so is every further token.
  EXPECT_EQ(grown("lora_step_seconds_count"), completion_tokens + 5);
  EXPECT_EQ(grown("lora_step_rows_count"), completion_tokens + 5);
  EXPECT_THAT(grown("lora_step_seconds_sum"), Gt(0));
  EXPECT_EQ(grown("lora_time_to_first_token_seconds_count"), kRequests + 1);
  EXPECT_EQ(grown("lora_queue_seconds_count"), kRequests + 1);
  EXPECT_EQ(grown(R"(lora_rpc_requests_total{code="OK",)"
                  R"(method="lora.v1.GenerationService/GenerateText"})"),
            kRequests + 1);
}

TEST_F(MetricsTest, TheQueueAndTheMemoryOfEachTierAreShown) {
  const auto sequences = [](const char* state) {
    return absl::StrCat("lora_sequences{state=\"", state, "\"}");
  };
  const auto used = [](const char* tier) {
    return absl::StrCat("lora_memory_used_bytes{tier=\"", tier, "\"}");
  };
  v1::LoadAdapterRequest warm = LoadRequest("warm", "dash");
  warm.set_warm_tier(v1::ADAPTER_TIER_HOST);
  ASSERT_OK(client().LoadAdapter(warm));
  RunningRequest running(client(), AskForever());
  ASSERT_TRUE(running.WaitUntilRunning());
  RunningRequest queued(client(), AskForever());
  EXPECT_TRUE(WaitUntil([&](const MetricsScrape& scrape) {
    return scrape[sequences("running")] == 1 &&
           scrape[sequences("queued")] == 1 && scrape[used("kv")] > 0;
  }));
  ASSERT_OK_AND_ASSIGN(const v1::ServerInfo info, client().GetServerInfo());
  const MetricsScrape scrape = Read();
  EXPECT_EQ(scrape[used("device")], info.device_memory().used_bytes());
  EXPECT_EQ(scrape[used("host")], info.host_memory().used_bytes());
  EXPECT_THAT(scrape[used("device")], Gt(0));
  EXPECT_THAT(scrape[used("host")], Gt(0));
  for (const char* tier : {"kv", "host", "device", "merged"}) {
    EXPECT_THAT(
        scrape[absl::StrCat("lora_memory_capacity_bytes{tier=\"", tier, "\"}")],
        Gt(0));
  }
  running.Cancel();
  queued.Cancel();
  EXPECT_TRUE(WaitUntil([&](const MetricsScrape& now) {
    return now[sequences("running")] == 0 && now[sequences("queued")] == 0 &&
           now[used("kv")] == 0;
  }));
}

TEST_F(MetricsTest, MergesAreCountedAndTheirBytesShown) {
  constexpr char kUsed[] = R"(lora_memory_used_bytes{tier="merged"})";
  EXPECT_EQ(Read()["lora_merge_seconds_count"], 0);
  ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter merged,
                       client().MergeAdapter(MergeRequest("upper")));
  EXPECT_EQ(Read()["lora_merge_seconds_count"], 1);
  EXPECT_TRUE(WaitUntil([&](const MetricsScrape& scrape) {
    return scrape[kUsed] == static_cast<double>(merged.bytes());
  }));
  v1::GenerateRequest request = Ask(word_, "upper");
  request.set_path(v1::MERGED);
  ASSERT_OK(client().GenerateText(request));
  EXPECT_EQ(Read()[R"(lora_requests_total{code="OK",path="merged"})"], 1);
  ASSERT_OK(client().UnmergeAdapter(UnmergeRequest("upper")));
  EXPECT_TRUE(WaitUntil(
      [&](const MetricsScrape& scrape) { return scrape[kUsed] == 0; }));
}

}  // namespace
}  // namespace lora
