// SPDX-License-Identifier: Apache-2.0
#include "server/engine/failure_log.h"

#include <algorithm>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "tests/fakes/fake_clock.h"

namespace lora {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class CountingSink final : public TokenSink {
 public:
  void OnDelta(GenerationDelta delta) override { text += delta.text; }
  void OnFinish(absl::StatusOr<GenerationResult> result) override {
    ++num_ends;
    status = result.status();
  }

  std::string text;
  int num_ends = 0;
  absl::Status status;
};

class FailureLogTest : public ::testing::Test {
 protected:
  FailureLogTest() { SetUpLogging("info", LogFormat::kText); }

  // What is logged when a request of `id` ends with `result`.
  std::string Log(const std::string& id,
                  absl::StatusOr<GenerationResult> result) {
    ::testing::internal::CaptureStderr();
    GenerationRequest request;
    request.request_id = id;
    request.adapters = {{AdapterId("sql")}, {AdapterId("poet")}};
    FailureLog log(request, &clock_, sink_);
    log.OnDelta({.text = "hi"});
    clock_.Advance(absl::Milliseconds(1500));
    log.OnFinish(std::move(result));
    const std::string line = ::testing::internal::GetCapturedStderr();
    return line.substr(line.find(' ') + 1);  // Without the time.
  }

  FakeClock clock_;
  std::shared_ptr<CountingSink> sink_ = std::make_shared<CountingSink>();
};

TEST_F(FailureLogTest, AFailureIsOneLineWithTheCallersId) {
  EXPECT_THAT(Log("mine", Error(absl::StatusCode::kAborted,
                                ErrorReason::kAborted, "unloaded")),
              Eq("I event=request_failed request_id=mine adapters=sql,poet "
                 "code=ABORTED reason=ABORTED seconds=1.5 error=unloaded\n"));
  EXPECT_EQ(sink_->num_ends, 1);
  EXPECT_EQ(sink_->status.code(), absl::StatusCode::kAborted);
}

TEST_F(FailureLogTest, AResultIsNoLine) {
  EXPECT_THAT(Log("mine", GenerationResult()), IsEmpty());
  EXPECT_EQ(sink_->num_ends, 1);
  EXPECT_EQ(sink_->text, "hi");
}

TEST_F(FailureLogTest, WhatIsWrongHereIsAnError) {
  EXPECT_THAT(Log("mine", absl::InternalError("torch")), StartsWith("E "));
}

TEST_F(FailureLogTest, ACallersIdMakesUpNoLine) {
  const std::string line =
      Log("x\"\nevent=unloaded", absl::CancelledError("left"));
  EXPECT_THAT(line, HasSubstr(R"(request_id="x\"\nevent=unloaded")"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

}  // namespace
}  // namespace lora
