// SPDX-License-Identifier: Apache-2.0
// How the real server ends on a signal.
#include <csignal>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/long_context_model.h"
#include "tests/support/raw_calls.h"
#include "tests/support/running_request.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

constexpr int kEndedBySigterm = 128 + SIGTERM;

// Of a call that waits for room while the server drains: the end of the request
// that had the room may come before the end of the call.
auto IsAnswered() {
  return ::testing::AnyOf(IsOk(),
                          Refused(absl::StatusCode::kUnavailable, "DRAINING"));
}

class DrainTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> flags) {
    ASSERT_OK_AND_ASSIGN(
        server_, ServerProcess::Start(
                     {.model = model_.path(), .flags = std::move(flags)}));
  }
  Client& client() { return server_->client(); }
  // Hears what a call ended with, also when the server is about to go.
  Client& ClientWithoutRetries() {
    once_ = Client::Connect(
                {.endpoint = server_->endpoint(), .retry = {.max_attempts = 1}})
                .value();
    return *once_;
  }

  // Sends SIGTERM and returns when the server has begun to drain.
  void BeginDrain() {
    server_->program().Signal(SIGTERM);
    ASSERT_TRUE(server_->program().WaitForLine("event=draining").has_value());
  }
  // Asks until a request is refused; those before were accepted in time.
  absl::Status AskUntilRefused() {
    while (true) {
      const auto answer = client().GenerateText(Ask(word_));
      if (!answer.ok()) return answer.status();
      EXPECT_EQ(answer->text(), Skills::Get().Answer(word_, ""));
    }
  }
  absl::StatusOr<Health> CheckServerHealth() {
    return CheckHealth(grpc::CreateChannel(server_->endpoint(),
                                           grpc::InsecureChannelCredentials()),
                       "lora.v1.GenerationService");
  }
  int64_t DeviceBytes(const std::string& skill) {
    const auto adapter =
        client().ValidateAdapter(ValidateRequest(Skills::Source(skill)));
    EXPECT_OK(adapter);
    return adapter.ok() ? adapter->device_bytes() : 0;
  }

  const LongContextModel model_;
  const std::string word_ = Skills::Get().words()[3];
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Client> once_;
};

TEST_F(DrainTest, AcceptedRequestsAreAnsweredAndNewOnesRefused) {
  Start({"--max-running", "2"});
  ASSERT_OK(client().LoadAdapter(LoadRequest("reverse", "reverse")));
  EXPECT_THAT(CheckServerHealth(), IsOkAndHolds(Health::kServing));
  // One keeps the drain going until the test ends it, one ends by itself, one
  // waits for its place.
  constexpr int32_t kTokens = 2000;
  RunningRequest endless(client(), AskForever());
  RunningRequest long_answer(client(), AskForTokens(kTokens));
  ASSERT_TRUE(endless.WaitUntilRunning());
  ASSERT_TRUE(long_answer.WaitUntilRunning());
  RunningRequest queued(client(), Ask(word_, "reverse"));
  ASSERT_TRUE(server_->WaitUntilAdapter("reverse", [](const auto& adapter) {
    return adapter.requests_total() == 1;
  }));

  BeginDrain();
  EXPECT_THAT(AskUntilRefused(),
              Refused(absl::StatusCode::kUnavailable, "DRAINING"));
  EXPECT_THAT(CheckServerHealth(), IsOkAndHolds(Health::kNotServing));
  EXPECT_TRUE(endless.WaitForNextMessage());

  const EndedRequest whole = long_answer.Wait();
  EXPECT_OK(whole.status);
  EXPECT_EQ(whole.last.usage().completion_tokens(), kTokens);
  const EndedRequest waited = queued.Wait();
  EXPECT_OK(waited.status);
  EXPECT_EQ(waited.text, Skills::Get().Answer(word_, "reverse"));
  endless.Cancel();
  EXPECT_EQ(server_->program().Wait(), 0);
}

TEST_F(DrainTest, RequestsThatOutlastTheTimeoutAreAborted) {
  Start({"--drain-timeout", "50ms"});
  RunningRequest endless(client(), AskForever());
  ASSERT_TRUE(endless.WaitUntilRunning());
  BeginDrain();
  const EndedRequest ended = endless.Wait();
  EXPECT_THAT(ended.status, Refused(absl::StatusCode::kAborted, "ABORTED"));
  EXPECT_FALSE(ended.text.empty());
  EXPECT_EQ(server_->program().Wait(), 0);
}

TEST_F(DrainTest, ASecondSignalEndsTheServerAtOnce) {
  Start({"--drain-timeout", "1h"});
  RunningRequest endless(client(), AskForever());
  ASSERT_TRUE(endless.WaitUntilRunning());
  BeginDrain();
  server_->program().Signal(SIGTERM);
  EXPECT_EQ(server_->program().Wait(), kEndedBySigterm);
  EXPECT_THAT(endless.Wait().status, StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(DrainTest, SigintDrainsToo) {
  Start({});
  server_->program().Signal(SIGINT);
  EXPECT_EQ(server_->program().Wait(), 0);
}

TEST_F(DrainTest, AnIdleServerEndsWhileItsClientsStayConnected) {
  Start({});
  ASSERT_OK(client().LoadAdapter(LoadRequest("upper", "upper")));
  std::promise<void> watching;
  std::future<absl::Status> watch = std::async(std::launch::async, [&] {
    return client().WatchAdapters([&](const v1::AdapterEvent& event) {
      if (event.type() == v1::AdapterEvent::SNAPSHOT) watching.set_value();
      return StreamAction::kContinue;
    });
  });
  watching.get_future().wait();
  EXPECT_EQ(server_->Stop(), 0);
  EXPECT_THAT(watch.get(), Refused(absl::StatusCode::kUnavailable, "DRAINING"));
}

TEST_F(DrainTest, ALoadThatWaitsForRoomDoesNotHoldTheServerUp) {
  Start({});
  const int64_t first = DeviceBytes("alternate");
  const int64_t second = DeviceBytes("cipher");
  Start({"--drain-timeout", "50ms", "--device-memory",
         std::to_string(first + second - 1)});
  ASSERT_OK(client().LoadAdapter(LoadRequest("first", "alternate")));
  RunningRequest holder(client(), AskForever("first"));
  ASSERT_TRUE(holder.WaitUntilRunning());
  auto load = std::async(std::launch::async, [this] {
    return ClientWithoutRetries()
        .LoadAdapter(LoadRequest("second", "cipher"))
        .status();
  });
  // It has been read; on the device there is no room while `holder` runs.
  ASSERT_TRUE(server_->WaitUntilAdapter("second", [](const auto& adapter) {
    return !adapter.pending().digest().empty();
  }));
  BeginDrain();
  EXPECT_EQ(server_->program().Wait(), 0);
  EXPECT_THAT(load.get(), IsAnswered());
}

TEST_F(DrainTest, AMergeThatWaitsForRoomDoesNotHoldTheServerUp) {
  Start({});
  ASSERT_OK(client().LoadAdapter(LoadRequest("first", "alternate")));
  ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter copy,
                       client().MergeAdapter(MergeRequest("first")));
  Start({"--drain-timeout", "50ms", "--merged-memory",
         std::to_string(copy.bytes())});
  ASSERT_OK(client().LoadAdapter(LoadRequest("first", "alternate")));
  ASSERT_OK(client().LoadAdapter(LoadRequest("second", "upper")));
  v1::GenerateRequest request = AskForever("first");
  request.set_path(v1::MERGED);
  RunningRequest holder(client(), request);
  ASSERT_TRUE(holder.WaitUntilRunning());
  auto merge = std::async(std::launch::async, [this] {
    return ClientWithoutRetries().MergeAdapter(MergeRequest("second")).status();
  });
  ASSERT_TRUE(server_->WaitUntilAdapter("second", [](const auto& adapter) {
    return adapter.inflight_requests() == 1;
  }));
  BeginDrain();
  EXPECT_EQ(server_->program().Wait(), 0);
  EXPECT_THAT(merge.get(), Refused(absl::StatusCode::kUnavailable, "DRAINING"));
}

// Calls of every kind, each again and again until the server is gone.
class Callers {
 public:
  explicit Callers(std::vector<std::function<absl::Status()>> calls)
      : busy_(static_cast<std::ptrdiff_t>(calls.size())) {
    for (auto& call : calls) {
      threads_.emplace_back([this, call = std::move(call)] {
        absl::Status status;
        for (int i = 0; !absl::IsUnavailable(status); ++i) {
          if (i == kCallsBefore) busy_.count_down();
          status = call();
        }
      });
    }
  }
  ~Callers() {
    for (std::thread& thread : threads_) thread.join();
  }

  // Until each has made a few calls.
  void WaitUntilBusy() { busy_.wait(); }

 private:
  static constexpr int kCallsBefore = 5;

  std::latch busy_;
  std::vector<std::thread> threads_;
};

TEST_F(DrainTest, TheServerEndsWellInTheMiddleOfLoadsMergesAndRequests) {
  Start({});
  const std::string memory = std::to_string(3 * DeviceBytes("alternate"));
  Start({"--device-memory", memory, "--merged-memory", "4MiB"});
  for (const std::string& skill : Skills::Get().names()) {
    ASSERT_OK(client().LoadAdapter(LoadRequest(skill, skill)));
  }
  const auto ask = [this](v1::ExecutionPath path) {
    return [this, path, next = size_t{0}]() mutable {
      const std::vector<std::string>& skills = Skills::Get().names();
      v1::GenerateRequest request = Ask(word_, skills[++next % skills.size()]);
      request.set_path(path);
      return client().GenerateText(request).status();
    };
  };
  Callers callers(
      {[this] {
         return client().LoadAdapter(LoadRequest("new", "dash")).status();
       },
       [this] {
         return client()
             .LoadAdapter(ReplaceRequest("new", "telegram"))
             .status();
       },
       [this] { return client().UnloadAdapter(UnloadRequest("new")).status(); },
       [this] { return client().MergeAdapter(MergeRequest("upper")).status(); },
       [this] {
         return client().UnmergeAdapter(UnmergeRequest("upper")).status();
       },
       ask(v1::UNMERGED), ask(v1::MERGED)});
  callers.WaitUntilBusy();
  EXPECT_EQ(server_->Stop(), 0);
}

}  // namespace
}  // namespace lora
