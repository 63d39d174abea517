// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/unary_call.h"

#include <memory>

#include "gtest/gtest.h"

namespace lora {
namespace {

// gRPC's side of a call, without a call.
class UnaryCallTest : public ::testing::Test {
 protected:
  ~UnaryCallTest() override { reactor().OnDone(); }

  grpc::ServerUnaryReactor& reactor() { return *call_; }

  const std::shared_ptr<UnaryCall> call_ = UnaryCall::Start();
  int num_runs_ = 0;
};

TEST_F(UnaryCallTest, TheActionRunsOnceWhenTheCallerGoes) {
  call_->OnCallerGone([this] { ++num_runs_; });
  EXPECT_EQ(num_runs_, 0);
  reactor().OnCancel();
  EXPECT_EQ(num_runs_, 1);
}

TEST_F(UnaryCallTest, TheActionRunsAtOnceIfTheCallerHasGone) {
  reactor().OnCancel();
  call_->OnCallerGone([this] { ++num_runs_; });
  EXPECT_EQ(num_runs_, 1);
}

TEST_F(UnaryCallTest, ACallerMayGoUnnoticed) {
  EXPECT_FALSE(call_->caller_gone());
  reactor().OnCancel();
  EXPECT_TRUE(call_->caller_gone());
  EXPECT_EQ(num_runs_, 0);
}

TEST(UnaryCallLifetimeTest, GrpcKeepsItUntilItIsDone) {
  std::weak_ptr<UnaryCall> weak;
  grpc::ServerUnaryReactor* reactor = nullptr;
  {
    const std::shared_ptr<UnaryCall> call = UnaryCall::Start();
    weak = call;
    reactor = call.get();
  }
  EXPECT_FALSE(weak.expired());
  reactor->OnDone();
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace lora
