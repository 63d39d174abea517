// SPDX-License-Identifier: Apache-2.0
// What a request holds is free once its caller is gone.
#include <csignal>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/long_context_model.h"
#include "tests/support/running_request.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

class CancelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(
        server_, ServerProcess::Start({.model = model_.path(),
                                       .flags = {"--max-running", "1"}}));
    ASSERT_OK(client().LoadAdapter(LoadRequest("upper", "upper")));
  }
  Client& client() { return server_->client(); }

  int64_t NumInflight() {
    const auto adapter = client().GetAdapter(GetRequest("upper"));
    return adapter.ok() ? adapter->inflight_requests() : -1;
  }
  // Nothing is held any more: an unload that waits for nobody succeeds.
  void ExpectNothingHeld() {
    EXPECT_TRUE(server_->WaitUntil([](const v1::ServerInfo& info) {
      return info.kv_memory().used_bytes() == 0 &&
             info.running_requests() == 0 && info.queued_requests() == 0;
    }));
    EXPECT_EQ(NumInflight(), 0);
    ASSERT_OK_AND_ASSIGN(
        const v1::UnloadAdapterResponse unloaded,
        client().UnloadAdapter(UnloadRequest("upper", absl::ZeroDuration())));
    EXPECT_EQ(unloaded.cancelled_requests(), 0);
    EXPECT_GT(unloaded.freed_device_bytes(), 0);
  }

  const LongContextModel model_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(CancelTest, ACancelledAnswerGivesEverythingBack) {
  RunningRequest request(client(), AskForever("upper"));
  ASSERT_TRUE(request.WaitUntilRunning());
  EXPECT_EQ(NumInflight(), 1);
  request.Cancel();
  EXPECT_THAT(request.Wait().status, StatusIs(absl::StatusCode::kCancelled));
  ExpectNothingHeld();
}

TEST_F(CancelTest, ADeadlineInTheMiddleOfAnAnswerGivesEverythingBack) {
  EndedRequest ended;
  // A machine that is too slow for the first token gets more time.
  for (absl::Duration timeout = absl::Milliseconds(250); ended.text.empty();
       timeout *= 2) {
    RunningRequest request(client(), AskForever("upper"), {.timeout = timeout});
    ended = request.Wait();
    ASSERT_THAT(ended.status, StatusIs(absl::StatusCode::kDeadlineExceeded));
  }
  ExpectNothingHeld();
}

TEST_F(CancelTest, AReaderThatStopsGivesEverythingBack) {
  EXPECT_OK(client().Generate(AskForever("upper"),
                              [](const auto&) { return StreamAction::kStop; }));
  ExpectNothingHeld();
}

TEST_F(CancelTest, ACancelledPromptGivesEverythingBack) {
  // Far more prompt than can be computed before the cancel.
  constexpr size_t kPromptBytes = 90'000;
  v1::GenerateRequest request = AskForever("upper");
  request.set_text(std::string(kPromptBytes, 'a'));
  RunningRequest running(client(), request);
  ASSERT_TRUE(server_->WaitUntil([](const v1::ServerInfo& info) {
    return info.kv_memory().used_bytes() > 0;
  }));
  running.Cancel();
  EXPECT_THAT(running.Wait().status, StatusIs(absl::StatusCode::kCancelled));
  ExpectNothingHeld();
}

TEST_F(CancelTest, ACancelledRequestInTheQueueGivesItsAdapterBack) {
  RunningRequest first(client(), AskForever());
  ASSERT_TRUE(first.WaitUntilRunning());
  RunningRequest queued(client(), AskForever("upper"));
  ASSERT_TRUE(server_->WaitUntilAdapter("upper", [](const auto& adapter) {
    return adapter.inflight_requests() == 1;
  }));
  queued.Cancel();
  EXPECT_THAT(queued.Wait().status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(server_->WaitUntilAdapter("upper", [](const auto& adapter) {
    return adapter.inflight_requests() == 0;
  }));
  first.Cancel();
  EXPECT_THAT(first.Wait().status, StatusIs(absl::StatusCode::kCancelled));
  ExpectNothingHeld();
}

TEST_F(CancelTest, ACallerThatDiesGivesEverythingBack) {
  {
    Program caller(
        AdminCommand(server_->endpoint(),
                     {"generate", "--adapter", "upper", "--prompt", "hello>",
                      "--ignore-eos", "--max-new-tokens", "99000"}),
        Program::Output::kStdout);
    ASSERT_TRUE(server_->WaitUntil([](const v1::ServerInfo& info) {
      return info.running_requests() == 1;
    }));
  }  // Killed.
  ExpectNothingHeld();
}

}  // namespace
}  // namespace lora
