// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/stream_reactor.h"

#include <memory>
#include <string>

#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

using ::testing::ElementsAre;

class StreamReactorTest : public RpcTest {
 protected:
  using Reader = grpc::ClientReader<v1::GenerateResponse>;

  // Begins a call and waits until the engine has it.
  std::unique_ptr<Reader> Begin() {
    v1::GenerateRequest request;
    request.set_text("hi");
    auto reader = generation().Generate(context_.get(), request);
    id_ = engine_->NextSubmission().id;
    return reader;
  }

  void Send(const std::string& text) {
    engine_->Send(id_, {.text = text, .token_ids = {1}});
  }

  const std::unique_ptr<grpc::ClientContext> context_ = NewContext();
  SequenceId id_;
  v1::GenerateResponse message_;
};

TEST_F(StreamReactorTest, DeltasArriveAsTheyCome) {
  StartReadyServer();
  const auto reader = Begin();
  Send("a");
  ASSERT_TRUE(reader->Read(&message_));
  EXPECT_EQ(message_.text(), "a");
  EXPECT_EQ(message_.finish_reason(), v1::FINISH_REASON_UNSPECIFIED);
  EXPECT_FALSE(message_.has_usage());
  Send("b");
  ASSERT_TRUE(reader->Read(&message_));
  EXPECT_EQ(message_.text(), "b");
  engine_->Finish(id_, GenerationResult{});
  ASSERT_TRUE(reader->Read(&message_));
  EXPECT_FALSE(reader->Read(&message_));
  EXPECT_RPC_OK(reader->Finish());
}

TEST_F(StreamReactorTest, TheLastMessageCarriesTheResult) {
  StartReadyServer();
  const auto reader = Begin();
  engine_->Finish(id_, GenerationResult{.reason = FinishReason::kLength,
                                        .usage = {.prompt_tokens = 3}});
  ASSERT_TRUE(reader->Read(&message_));
  EXPECT_EQ(message_.finish_reason(), v1::LENGTH);
  EXPECT_EQ(message_.usage().prompt_tokens(), 3);
  EXPECT_TRUE(message_.has_provenance());
  EXPECT_FALSE(reader->Read(&message_));
  EXPECT_RPC_OK(reader->Finish());
}

TEST_F(StreamReactorTest, ASlowReaderLosesNothingAndGetsFewerMessages) {
  constexpr int kDeltas = 2000;
  constexpr size_t kDeltaBytes = 4000;
  StartReadyServer();
  const auto reader = Begin();
  // Far more than the transport's window: the reader has not read yet.
  std::string expected;
  for (int i = 0; i < kDeltas; ++i) {
    const std::string text(kDeltaBytes, static_cast<char>('a' + i % 26));
    expected += text;
    Send(text);
  }
  engine_->Finish(id_, GenerationResult{});
  engine_->Flush();  // The engine was never held up.

  std::string text;
  int num_tokens = 0;
  int num_messages = 0;
  while (reader->Read(&message_)) {
    text += message_.text();
    num_tokens += message_.token_ids_size();
    ++num_messages;
  }
  EXPECT_RPC_OK(reader->Finish());
  EXPECT_EQ(text, expected);
  EXPECT_EQ(num_tokens, kDeltas);
  EXPECT_LT(num_messages, kDeltas / 2);
}

TEST_F(StreamReactorTest, AnErrorFollowsWhatWasWritten) {
  StartReadyServer();
  const auto reader = Begin();
  Send("partial");
  engine_->Finish(id_, Error(absl::StatusCode::kAborted, ErrorReason::kAborted,
                             "its adapter was unloaded by force"));
  ASSERT_TRUE(reader->Read(&message_));
  EXPECT_EQ(message_.text(), "partial");
  EXPECT_FALSE(reader->Read(&message_));
  EXPECT_THAT(reader->Finish(),
              IsRpcError(grpc::ABORTED, ErrorReason::kAborted));
}

TEST_F(StreamReactorTest, ARefusalEndsTheStreamWithoutAMessage) {
  StartReadyServer();
  const auto reader = Begin();
  engine_->Finish(id_, Error(absl::StatusCode::kResourceExhausted,
                             ErrorReason::kQueue, "too many wait"));
  EXPECT_FALSE(reader->Read(&message_));
  EXPECT_THAT(reader->Finish(),
              IsRpcError(grpc::RESOURCE_EXHAUSTED, ErrorReason::kQueue));
}

TEST_F(StreamReactorTest, ACallerThatLeavesCancelsItsRequest) {
  StartReadyServer();
  const auto reader = Begin();
  Send("a");
  ASSERT_TRUE(reader->Read(&message_));
  context_->TryCancel();
  engine_->WaitForCancel(id_);
  EXPECT_EQ(reader->Finish().error_code(), grpc::CANCELLED);
}

TEST_F(StreamReactorTest, ADeadlineCancelsTheRequest) {
  StartReadyServer();
  context_->set_deadline(
      absl::ToChronoTime(absl::Now() + absl::Milliseconds(300)));
  const auto reader = Begin();
  engine_->WaitForCancel(id_);
  EXPECT_FALSE(reader->Read(&message_));
  EXPECT_EQ(reader->Finish().error_code(), grpc::DEADLINE_EXCEEDED);
}

TEST_F(StreamReactorTest, ADrainingEngineSaysSo) {
  StartReadyServer();
  EXPECT_TRUE(engine_->Drain(absl::InfiniteFuture()).ok());
  const auto reader = Begin();
  EXPECT_FALSE(reader->Read(&message_));
  EXPECT_THAT(reader->Finish(),
              IsRpcError(grpc::UNAVAILABLE, ErrorReason::kDraining));
}

TEST_F(StreamReactorTest, ManyStreamsKeepTheirOwnAnswers) {
  constexpr int kStreams = 50;
  StartReadyServer(EchoScript);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < kStreams; ++i) {
    v1::GenerateRequest request;
    request.set_text("prompt " + std::to_string(i));
    contexts.push_back(NewContext());
    readers.push_back(generation().Generate(contexts.back().get(), request));
  }
  for (int i = 0; i < kStreams; ++i) {
    std::string text;
    while (readers[i]->Read(&message_)) text += message_.text();
    EXPECT_RPC_OK(readers[i]->Finish());
    EXPECT_EQ(text, ":prompt " + std::to_string(i));
  }
}

}  // namespace
}  // namespace lora
