// SPDX-License-Identifier: Apache-2.0
// Steady clients, each with an adapter of its own, get equal shares of a server
// that cannot run them all at once. They ask for so many tokens, or for as long
// as LORA_FAIRNESS_SECONDS says. Each has two requests under way: between two
// requests one after the other an adapter has none, for as long as the
// operating system keeps the client's thread waiting, and that share is not the
// server's.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/long_context_model.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

using ::testing::Ge;

constexpr int kNumClients = 8;
constexpr int kRequestsPerClient = 2;
constexpr int64_t kTokensInAll = 16'000;
constexpr double kLeastShare = 0.8;

// What ends a test. Thread-safe.
class Limit {
 public:
  Limit() {
    const char* text = std::getenv("LORA_FAIRNESS_SECONDS");
    int64_t seconds = 0;
    if (text == nullptr) return;
    if (!absl::SimpleAtoi(text, &seconds)) std::abort();
    end_ = absl::Now() + absl::Seconds(seconds);
  }

  void Count(int64_t num_tokens) { num_tokens_ += num_tokens; }
  bool Reached() const {
    return end_.has_value() ? absl::Now() >= *end_
                            : num_tokens_ >= kTokensInAll;
  }

 private:
  std::optional<absl::Time> end_;
  std::atomic<int64_t> num_tokens_ = 0;
};

class FairnessTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> flags) {
    // Small prefill steps and no merged copies: every token costs the same.
    flags.insert(flags.end(), {"--auto-path", "unmerged"});
    ASSERT_OK_AND_ASSIGN(server_, ServerProcess::Start({.model = model_.path(),
                                                        .flags = flags}));
    for (int i = 0; i < kNumClients; ++i) {
      const std::string& skill = Skills::Get().names()[i];
      ASSERT_OK(server_->client().LoadAdapter(LoadRequest(skill, skill)));
    }
  }

  // Every client asks for `num_tokens`, again and again. Returns how many
  // tokens each was given until the limit was reached.
  std::vector<int64_t> CountTokens(int32_t num_tokens) {
    std::vector<std::atomic<int64_t>> tokens(kNumClients);
    Limit limit;
    std::latch begin(kNumClients * kRequestsPerClient);
    std::vector<std::thread> threads;
    for (int t = 0; t < kNumClients * kRequestsPerClient; ++t) {
      threads.emplace_back([&, i = t % kNumClients] {
        const v1::GenerateRequest request =
            AskForTokens(num_tokens, Skills::Get().names()[i]);
        begin.arrive_and_wait();
        while (!limit.Reached()) {
          EXPECT_OK(server_->client().Generate(
              request, [&](const v1::GenerateResponse& message) {
                if (limit.Reached()) return StreamAction::kStop;
                tokens[i] += message.token_ids_size();
                limit.Count(message.token_ids_size());
                return StreamAction::kContinue;
              }));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return {tokens.begin(), tokens.end()};
  }

  static void ExpectEqualShares(const std::vector<int64_t>& tokens) {
    const auto [least, most] =
        std::minmax_element(tokens.begin(), tokens.end());
    const double share =
        static_cast<double>(*least) / static_cast<double>(*most);
    std::cout << "tokens:";
    for (const int64_t count : tokens) std::cout << " " << count;
    std::cout << "; slowest/fastest " << share << "\n";
    EXPECT_THAT(share, Ge(kLeastShare));
  }

  const LongContextModel model_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(FairnessTest, ClientsShareTooFewPlacesInTheBatch) {
  Start({"--max-running", "3"});
  ExpectEqualShares(CountTokens(/*num_tokens=*/32));
}

TEST_F(FairnessTest, ClientsShareTooLittleMemory) {
  // Answers need 5 blocks of 16 tokens each, 40 in all; there are 16.
  constexpr int32_t kTokens = 64;
  Start({"--dtype", "bf16", "--kv-memory", "256KiB"});
  ExpectEqualShares(CountTokens(kTokens));
}

}  // namespace
}  // namespace lora
