// SPDX-License-Identifier: Apache-2.0
// Many clients ask many adapters while these are loaded, replaced, merged,
// pinned and unloaded. LORA_STRESS_ANSWERS says how many answers are checked,
// LORA_STRESS_SEED what is asked.
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/stress/churn.h"
#include "tests/stress/long_prompts.h"
#include "tests/stress/traffic.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/metrics_scrape.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

using ::testing::IsEmpty;

constexpr int kNumClients = 16;
constexpr int64_t kDefaultAnswers = 10'000;
// From here on, memory is measured too, after a cycle of so many.
constexpr int64_t kManyAnswers = 10'000;
constexpr int64_t kWarmUpAnswers = 3'000;
constexpr double kResidentTolerance = 0.02;

int64_t FromEnvironment(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  int64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : fallback;
}

// Resident memory of a process.
int64_t ResidentBytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/statm"));
  int64_t size_pages = 0;
  int64_t resident_pages = 0;
  file >> size_pages >> resident_pages;
  return resident_pages * ::sysconf(_SC_PAGESIZE);
}

class StressTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Room for a few adapters, merged copies and long prompts only: all are
    // evicted, and sequences preempted, all the time.
    ASSERT_OK_AND_ASSIGN(
        server_, ServerProcess::Start(
                     {.threads = 2,
                      .flags = {"--dtype", "bf16", "--device-memory", "896KiB",
                                "--merged-memory", "3MiB", "--kv-memory",
                                "1MiB", "--metrics-listen", "127.0.0.1:0"}}));
    ASSERT_OK_AND_ASSIGN(long_prompts_, LongPrompts::Ask(server_->client()));
    adapters_.changing = {"a", "b", "c", "d", "e", "f"};
    adapters_.twins = {"twin-0", "twin-1"};
    adapters_.twin_skill = "cipher";
    for (const std::string& skill : Skills::Get().names()) {
      ASSERT_OK_AND_ASSIGN(const v1::Adapter adapter,
                           server_->client().ValidateAdapter(
                               ValidateRequest(Skills::Source(skill))));
      adapters_.skill_of[adapter.digest()] = skill;
    }
  }

  // Asks until `num_answers` were right or one was wrong, then unloads all.
  void RunCycle(int64_t num_answers, uint64_t seed) {
    for (const std::string& twin : adapters_.twins) {
      const int64_t load = history_.BeginLoad(twin, adapters_.twin_skill);
      ASSERT_OK(server_->client().LoadAdapter(
          LoadRequest(twin, adapters_.twin_skill)));
      history_.EndLoad(twin, load);
    }
    Tally tally(num_answers);
    const absl::Time begin = absl::Now();
    RunThreads(tally, seed);
    std::cout << "seed " << seed << ": " << tally.Summary() << "; "
              << absl::ToDoubleSeconds(absl::Now() - begin) << " s\n";
    EXPECT_THAT(tally.wrong(), IsEmpty());
    EXPECT_GE(tally.num_right(), num_answers);
    EXPECT_GT(tally.cached_tokens(), 0);
    UnloadAll();
  }

  ServerProcess& server() { return *server_; }

 private:
  void RunThreads(Tally& tally, uint64_t seed) {
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < kNumClients; ++i) {
      ASSERT_OK_AND_ASSIGN(clients.emplace_back(), server_->Connect());
    }
    std::vector<std::thread> threads;
    const size_t half = adapters_.changing.size() / 2;
    const auto middle =
        adapters_.changing.begin() + static_cast<std::ptrdiff_t>(half);
    const std::vector<std::string> owned[] = {
        {adapters_.changing.begin(), middle},
        {middle, adapters_.changing.end()}};
    for (const std::vector<std::string>& ids : owned) {
      threads.emplace_back([&, ids, churn_seed = ++seed] {
        Churn({server_->client(), adapters_, history_, tally}, ids, churn_seed)
            .Run();
      });
    }
    for (const auto& client : clients) {
      threads.emplace_back([&, traffic_seed = ++seed] {
        Traffic({*client, adapters_, *long_prompts_, history_, tally},
                traffic_seed)
            .Run();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  void UnloadAll() {
    ASSERT_OK_AND_ASSIGN(const v1::ListAdaptersResponse list,
                         server_->client().ListAdapters({}));
    for (const v1::Adapter& adapter : list.adapters()) {
      history_.BeginUnload(adapter.adapter_id());
      EXPECT_OK(
          server_->client().UnloadAdapter(UnloadRequest(adapter.adapter_id())));
      history_.EndUnload(adapter.adapter_id());
    }
    v1::ServerInfo last;
    EXPECT_TRUE(server_->WaitUntil([&last](const v1::ServerInfo& info) {
      last = info;
      return info.kv_memory().used_bytes() == 0 &&
             info.host_memory().used_bytes() == 0 &&
             info.device_memory().used_bytes() == 0 &&
             info.merged_memory().used_bytes() == 0 &&
             info.running_requests() == 0 && info.queued_requests() == 0;
    })) << last.ShortDebugString();
  }

  std::unique_ptr<ServerProcess> server_;
  StressAdapters adapters_;
  std::optional<LongPrompts> long_prompts_;
  AdapterHistory history_;
};

TEST_F(StressTest, EveryAnswerIsThatOfItsAdapterAndAllMemoryComesBack) {
  const int64_t num_answers =
      FromEnvironment("LORA_STRESS_ANSWERS", kDefaultAnswers);
  const auto seed =
      static_cast<uint64_t>(FromEnvironment("LORA_STRESS_SEED", 1));
  if (num_answers < kManyAnswers) {
    RunCycle(num_answers, seed);
    return;
  }
  RunCycle(kWarmUpAnswers, seed);
  const int64_t before = ResidentBytes(server().program().pid());
  RunCycle(num_answers, seed + num_answers);
  const int64_t after = ResidentBytes(server().program().pid());
  const double preemptions = ScrapeMetrics(server())["lora_preemptions_total"];
  std::cout << preemptions << " preemptions; resident: " << before
            << " bytes before, " << after << " after\n";
  EXPECT_GT(preemptions, 0);
  // A sanitizer keeps what was freed.
  if (LORA_SANITIZED == 0) {
    EXPECT_LE(static_cast<double>(after),
              (1 + kResidentTolerance) * static_cast<double>(before));
  }
}

}  // namespace
}  // namespace lora
