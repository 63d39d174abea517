// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/generation_service.h"

#include <memory>
#include <string>
#include <thread>

#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::StartsWith;

v1::GenerateRequest TextRequest(const std::string& text) {
  v1::GenerateRequest request;
  request.set_text(text);
  return request;
}

class GenerationServiceTest : public RpcTest {
 protected:
  grpc::Status GenerateText(const v1::GenerateRequest& request) {
    response_.Clear();
    return generation().GenerateText(NewContext().get(), request, &response_);
  }

  v1::GenerateResponse response_;
};

TEST_F(GenerationServiceTest, TheUnaryTwinCollectsTheWholeAnswer) {
  StartReadyServer(EchoScript);
  v1::GenerateRequest request = TextRequest("hi");
  request.add_adapters()->set_adapter_id("sql");
  EXPECT_RPC_OK(GenerateText(request));
  EXPECT_EQ(response_.text(), "sql:hi");
  EXPECT_THAT(response_.token_ids(), ElementsAre('s', 'q', 'l', ':', 'h', 'i'));
  EXPECT_EQ(response_.finish_reason(), v1::STOP);
  EXPECT_EQ(response_.usage().completion_tokens(), 6);
  EXPECT_EQ(response_.provenance().adapters(0).adapter_id(), "sql");
}

TEST_F(GenerationServiceTest, AFailureTellsCodeAndReason) {
  StartReadyServer(EchoScript);
  v1::GenerateRequest request = TextRequest("hi");
  request.add_adapters()->set_adapter_id("missing");
  EXPECT_THAT(GenerateText(request),
              IsRpcError(grpc::NOT_FOUND, ErrorReason::kAdapter));
}

TEST_F(GenerationServiceTest, EveryReasonOfTheEngineReachesTheCaller) {
  StartReadyServer();
  struct Case {
    absl::StatusCode code;
    ErrorReason reason;
  };
  for (const Case& c :
       {Case{absl::StatusCode::kInvalidArgument, ErrorReason::kInput},
        Case{absl::StatusCode::kFailedPrecondition, ErrorReason::kState},
        Case{absl::StatusCode::kResourceExhausted, ErrorReason::kQueue},
        Case{absl::StatusCode::kAborted, ErrorReason::kAborted},
        Case{absl::StatusCode::kUnavailable, ErrorReason::kDraining},
        Case{absl::StatusCode::kInternal, ErrorReason::kInternal}}) {
    grpc::Status status;
    std::thread caller([&] { status = GenerateText(TextRequest("hi")); });
    engine_->Finish(engine_->NextSubmission().id,
                    Error(c.code, c.reason, "no"));
    caller.join();
    EXPECT_THAT(status,
                IsRpcError(static_cast<grpc::StatusCode>(c.code), c.reason));
  }
}

TEST_F(GenerationServiceTest, ABadRequestNeverReachesTheEngine) {
  // Nobody would answer it.
  StartReadyServer();
  EXPECT_THAT(GenerateText({}),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kInput));
  const auto context = NewContext();
  auto stream = generation().Generate(context.get(), {});
  EXPECT_FALSE(stream->Read(&response_));
  EXPECT_THAT(stream->Finish(),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kInput));
  // An id that is announced and not submitted would stay in the engine.
  EXPECT_EQ(engine_->num_sequence_ids(), 0);
}

TEST_F(GenerationServiceTest, ACallerThatLeavesCancelsItsRequest) {
  StartReadyServer();
  const auto context = NewContext();
  grpc::Status status;
  std::thread caller([&] {
    status =
        generation().GenerateText(context.get(), TextRequest("hi"), &response_);
  });
  const SequenceId id = engine_->NextSubmission().id;
  context->TryCancel();
  engine_->WaitForCancel(id);
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::CANCELLED);
}

TEST_F(GenerationServiceTest, TheDeadlineIsTheRequestsOwn) {
  StartReadyServer();
  const absl::Time deadline = absl::Now() + absl::Milliseconds(300);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  grpc::Status status;
  std::thread caller([&] {
    status = generation().GenerateText(&context, TextRequest("hi"), &response_);
  });
  const FakeEngine::Submission submission = engine_->NextSubmission();
  EXPECT_LT(absl::AbsDuration(submission.request.deadline - deadline),
            absl::Milliseconds(100));
  // Nobody answers: the server gives the request up.
  engine_->WaitForCancel(submission.id);
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::DEADLINE_EXCEEDED);
}

TEST_F(GenerationServiceTest, ACallWithoutDeadlineHasNone) {
  StartReadyServer();
  grpc::ClientContext context;
  std::thread caller([&] {
    EXPECT_RPC_OK(
        generation().GenerateText(&context, TextRequest("hi"), &response_));
  });
  const FakeEngine::Submission submission = engine_->NextSubmission();
  EXPECT_EQ(submission.request.deadline, absl::InfiniteFuture());
  engine_->Finish(submission.id, GenerationResult{});
  caller.join();
}

TEST_F(GenerationServiceTest, ARequestWithoutIdGetsOne) {
  StartReadyServer();
  v1::GenerateRequest request = TextRequest("hi");
  for (const std::string id : {"", "mine"}) {
    request.set_request_id(id);
    std::thread caller([&] { EXPECT_RPC_OK(GenerateText(request)); });
    const FakeEngine::Submission submission = engine_->NextSubmission();
    EXPECT_THAT(submission.request.request_id,
                StartsWith(id.empty() ? "request-" : "mine"));
    engine_->Finish(submission.id, GenerationResult{});
    caller.join();
  }
}

TEST_F(GenerationServiceTest, TokensGoThereAndBack) {
  StartReadyServer();
  v1::TokenizeRequest tokenize;
  tokenize.set_text("hi");
  v1::TokenizeResponse tokens;
  EXPECT_RPC_OK(generation().Tokenize(NewContext().get(), tokenize, &tokens));
  EXPECT_THAT(tokens.ids(), ElementsAre('h', 'i'));
  EXPECT_THAT(tokens.pieces(), ElementsAre("h", "i"));

  v1::DetokenizeRequest detokenize;
  *detokenize.mutable_ids() = tokens.ids();
  v1::DetokenizeResponse text;
  EXPECT_RPC_OK(generation().Detokenize(NewContext().get(), detokenize, &text));
  EXPECT_EQ(text.text(), "hi");
}

TEST_F(GenerationServiceTest, TokenErrorsTellCodeAndReason) {
  StartReadyServer();
  v1::TokenizeResponse tokens;
  EXPECT_THAT(generation().Tokenize(NewContext().get(), {}, &tokens),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kInput));
  v1::DetokenizeRequest detokenize;
  detokenize.add_ids(256);
  v1::DetokenizeResponse text;
  EXPECT_THAT(generation().Detokenize(NewContext().get(), detokenize, &text),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kInput));
}

}  // namespace
}  // namespace lora
