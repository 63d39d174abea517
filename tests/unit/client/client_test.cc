// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/canceller.h"
#include "client/status.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/client/flaky_server.h"
#include "tests/unit/rpc/rpc_test_util.h"
#include "tests/unit/rpc/test_certificates.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

constexpr RetryPolicy kFastRetries{.max_attempts = 5,
                                   .initial_backoff = absl::Milliseconds(1)};

v1::GenerateRequest TextRequest(const std::string& text) {
  v1::GenerateRequest request;
  request.set_text(text);
  return request;
}

std::unique_ptr<Client> ConnectTo(const std::string& endpoint) {
  auto client = Client::Connect({.endpoint = endpoint, .retry = kFastRetries});
  EXPECT_OK(client);
  return *std::move(client);
}

// Against the real server.
class ClientTest : public RpcTest {
 protected:
  std::unique_ptr<Client> NewClient() { return ConnectTo(target()); }
};

TEST_F(ClientTest, AnAdapterLivesItsWholeLife) {
  StartReadyServer();
  const auto client = NewClient();
  v1::LoadAdapterRequest load;
  load.set_adapter_id("sql");
  load.set_source("/adapters/sql");
  ASSERT_OK_AND_ASSIGN(const v1::Adapter loaded, client->LoadAdapter(load));
  EXPECT_EQ(loaded.state(), v1::ADAPTER_STATE_READY);

  v1::GetAdapterRequest get;
  get.set_adapter_id("sql");
  EXPECT_EQ(client->GetAdapter(get)->digest(), loaded.digest());
  EXPECT_EQ(client->ListAdapters({})->adapters_size(), 1);

  v1::UpdateAdapterRequest update;
  update.set_adapter_id("sql");
  update.set_pinned(true);
  update.mutable_update_mask()->add_paths("pinned");
  EXPECT_TRUE(client->UpdateAdapter(update)->pinned());

  v1::UnloadAdapterRequest unload;
  unload.set_adapter_id("sql");
  EXPECT_EQ(client->UnloadAdapter(unload)->freed_host_bytes(), 1000);
  EXPECT_THAT(client->GetAdapter(get), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ClientTest, MergedCopiesComeAndGo) {
  StartReadyServer();
  const auto client = NewClient();
  v1::MergeAdapterRequest merge;
  merge.add_components()->set_adapter_id("sql");
  ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter merged,
                       client->MergeAdapter(merge));
  EXPECT_EQ(client->ListMergedAdapters({})->merged_adapters_size(), 1);
  v1::UnmergeAdapterRequest unmerge;
  unmerge.set_merged_id(merged.merged_id());
  EXPECT_EQ(client->UnmergeAdapter(unmerge)->freed_bytes(), merged.bytes());
}

TEST_F(ClientTest, OtherCallsAreAnswered) {
  StartReadyServer(EchoScript);
  const auto client = NewClient();
  EXPECT_EQ(client->GenerateText(TextRequest("hi"))->text(), ":hi");
  v1::ValidateAdapterRequest validate;
  validate.set_source("/adapters/sql");
  EXPECT_EQ(client->ValidateAdapter(validate)->rank(), 8);
  v1::TokenizeRequest tokenize;
  tokenize.set_text("hi");
  v1::DetokenizeRequest detokenize;
  *detokenize.mutable_ids() = client->Tokenize(tokenize)->ids();
  EXPECT_EQ(client->Detokenize(detokenize)->text(), "hi");
  EXPECT_FALSE(client->GetServerInfo()->version().empty());
}

TEST_F(ClientTest, AStreamArrivesInOrder) {
  StartReadyServer(EchoScript);
  std::string text;
  v1::GenerateResponse last;
  EXPECT_OK(NewClient()->Generate(TextRequest("hello"), [&](const auto& part) {
    text += part.text();
    last = part;
    return StreamAction::kContinue;
  }));
  EXPECT_EQ(text, ":hello");
  EXPECT_EQ(last.finish_reason(), v1::STOP);
}

TEST_F(ClientTest, AReaderThatStopsEndsTheRequest) {
  StartReadyServer();
  const auto client = NewClient();
  std::thread reader([&] {
    EXPECT_OK(client->Generate(
        TextRequest("hi"), [](const auto&) { return StreamAction::kStop; }));
  });
  const SequenceId id = engine_->NextSubmission().id;
  engine_->Send(id, {.text = "enough"});
  engine_->WaitForCancel(id);
  reader.join();
}

TEST_F(ClientTest, ErrorsKeepTheirReason) {
  StartReadyServer(EchoScript);
  v1::GenerateRequest request = TextRequest("hi");
  request.add_adapters()->set_adapter_id("missing");
  const auto answer = NewClient()->GenerateText(request);
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(ReasonOf(answer.status()), "ADAPTER");
}

TEST_F(ClientTest, AWatchShowsEventsUntilItIsStopped) {
  StartReadyServer();
  AdapterInfo info;
  info.id = AdapterId("sql");
  plane_.Put(info);
  std::vector<std::string> seen;
  EXPECT_OK(NewClient()->WatchAdapters([&](const v1::AdapterEvent& event) {
    seen.push_back(event.adapter().adapter_id());
    return StreamAction::kStop;
  }));
  EXPECT_THAT(seen, ::testing::ElementsAre("sql"));
}

TEST_F(ClientTest, ACancellerEndsACallInFlight) {
  StartReadyServer();
  CallCanceller canceller;
  std::thread caller([&] {
    EXPECT_THAT(
        NewClient()->GenerateText(TextRequest("hi"), {.canceller = &canceller}),
        StatusIs(absl::StatusCode::kCancelled));
  });
  const SequenceId id = engine_->NextSubmission().id;
  canceller.Cancel();
  engine_->WaitForCancel(id);
  caller.join();
}

TEST_F(ClientTest, ACancellerEndsACallThatIsMadeLater) {
  StartReadyServer();
  CallCanceller canceller;
  canceller.Cancel();
  EXPECT_THAT(
      NewClient()->GenerateText(TextRequest("hi"), {.canceller = &canceller}),
      StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ClientTest, ATimeoutIsADeadline) {
  StartReadyServer();
  const auto client = NewClient();
  EXPECT_OK(client->GetServerInfo());  // There is a connection.
  const auto answer = client->GenerateText(
      TextRequest("hi"), {.timeout = absl::Milliseconds(200)});
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(ClientTest, TheTokenIsSentWithEveryCall) {
  StartReadyServer(nullptr, {.auth_token_file = WriteTestFile("t", "s3cret")});
  ASSERT_OK_AND_ASSIGN(const auto right, Client::Connect({.endpoint = target(),
                                                          .token = "s3cret"}));
  EXPECT_OK(right->GetServerInfo());
  const auto info = NewClient()->GetServerInfo();
  EXPECT_THAT(info, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_EQ(ReasonOf(info.status()), "AUTH");
}

TEST_F(ClientTest, TlsWithAClientCertificateConnects) {
  const TestAuthority authority;
  const Identity server = authority.Issue("server");
  const Identity client = authority.Issue("client");
  const std::string ca = WriteTestFile("ca.pem", authority.cert());
  StartReadyServer(nullptr,
                   {.tls = {.cert = WriteTestFile("cert.pem", server.cert),
                            .key = WriteTestFile("key.pem", server.key),
                            .client_ca = ca}});
  ASSERT_OK_AND_ASSIGN(
      const auto connected,
      Client::Connect(
          {.endpoint = target(),
           .tls = ClientTls{
               .ca_file = ca,
               .cert_file = WriteTestFile("client-cert.pem", client.cert),
               .key_file = WriteTestFile("client-key.pem", client.key)}}));
  EXPECT_OK(connected->GetServerInfo());
}

TEST(ClientOptionsTest, TlsFilesMustBeThereAndComplete) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Client::Connect({.tls = ClientTls{.ca_file = "/nowhere/ca"}}),
              StatusIs(kInvalid));
  EXPECT_THAT(Client::Connect({.tls = ClientTls{.cert_file = "/tmp/cert"}}),
              StatusIs(kInvalid));
}

// Against a server that fails as a test says.

TEST(ClientRetryTest, UnavailableIsTriedAgain) {
  FlakyServer server;
  server.FailNext({grpc::UNAVAILABLE, grpc::UNAVAILABLE});
  EXPECT_OK(ConnectTo(server.target())->GetServerInfo());
  EXPECT_EQ(server.num_calls(), 3);
}

TEST(ClientRetryTest, NoOtherCodeIsTriedAgain) {
  for (const grpc::StatusCode code :
       {grpc::INTERNAL, grpc::RESOURCE_EXHAUSTED, grpc::ABORTED,
        grpc::DEADLINE_EXCEEDED, grpc::UNKNOWN, grpc::NOT_FOUND}) {
    FlakyServer server;
    server.FailNext({code});
    EXPECT_THAT(ConnectTo(server.target())->GetServerInfo(),
                StatusIs(static_cast<absl::StatusCode>(code)));
    EXPECT_EQ(server.num_calls(), 1);
  }
}

TEST(ClientRetryTest, AttemptsAreBounded) {
  FlakyServer server;
  server.FailNext(std::vector<grpc::StatusCode>(10, grpc::UNAVAILABLE));
  EXPECT_THAT(ConnectTo(server.target())->GetServerInfo(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(server.num_calls(), 5);
}

TEST(ClientRetryTest, NothingIsTriedAgainPastTheDeadline) {
  FlakyServer server;
  server.FailNext({grpc::UNAVAILABLE});
  ASSERT_OK_AND_ASSIGN(
      const auto client,
      Client::Connect({.endpoint = server.target(),
                       .retry = {.initial_backoff = absl::Hours(1),
                                 .max_backoff = absl::Hours(1)}}));
  EXPECT_THAT(client->GetServerInfo({.timeout = absl::Minutes(1)}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(server.num_calls(), 1);
}

TEST(ClientRetryTest, ACancellerEndsTheWaitForTheNextAttempt) {
  FlakyServer server;
  server.FailNext({grpc::UNAVAILABLE});
  ASSERT_OK_AND_ASSIGN(
      const auto client,
      Client::Connect({.endpoint = server.target(),
                       .retry = {.initial_backoff = absl::Hours(1),
                                 .max_backoff = absl::Hours(1)}}));
  CallCanceller canceller;
  std::thread caller([&] {
    EXPECT_THAT(client->GetServerInfo({.canceller = &canceller}),
                StatusIs(absl::StatusCode::kCancelled));
  });
  server.WaitForCalls(1);
  canceller.Cancel();
  caller.join();
}

TEST(ClientRetryTest, AStreamIsTriedAgainUntilItHasProducedData) {
  FlakyServer server;
  server.FailNext({grpc::UNAVAILABLE, grpc::OK, grpc::UNAVAILABLE});
  const auto client = ConnectTo(server.target());
  int num_messages = 0;
  const auto count = [&num_messages](const auto&) {
    ++num_messages;
    return StreamAction::kContinue;
  };
  EXPECT_OK(client->Generate(TextRequest("hi"), count));
  EXPECT_EQ(server.num_calls(), 2);
  EXPECT_EQ(num_messages, 1);

  server.SendBeforeFailing();
  EXPECT_THAT(client->Generate(TextRequest("hi"), count),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(server.num_calls(), 3);
  EXPECT_EQ(num_messages, 2);
}

TEST(ClientUnreachableTest, NobodyListens) {
  // A port that was free a moment ago.
  const std::string target = FlakyServer().target();
  const auto info = ConnectTo(target)->GetServerInfo();
  EXPECT_TRUE(IsUnreachable(info.status())) << info.status();
}

TEST(ClientUnreachableTest, SomethingElseListens) {
  const SilentListener listener;
  const auto info = ConnectTo(listener.target())
                        ->GetServerInfo({.timeout = absl::Milliseconds(300)});
  EXPECT_TRUE(IsUnreachable(info.status())) << info.status();
  EXPECT_THAT(info, MessageIs(HasSubstr(listener.target())));
}

}  // namespace
}  // namespace lora
