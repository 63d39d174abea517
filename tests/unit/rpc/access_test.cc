// SPDX-License-Identifier: Apache-2.0
// Who may call a server: TLS, client certificates and tokens, over real
// connections.
#include <memory>
#include <string>

#include "server/rpc/call_gate.h"
#include "tests/support/raw_calls.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/rpc_test_util.h"
#include "tests/unit/rpc/test_certificates.h"

namespace lora {
namespace {

constexpr const char* kToken = "s3cret";

class AccessTest : public RpcTest {
 protected:
  RpcServerOptions TlsOptions() {
    const Identity server = authority_.Issue("server");
    return {.tls = {.cert = WriteTestFile("cert.pem", server.cert),
                    .key = WriteTestFile("key.pem", server.key)}};
  }

  RpcServerOptions MutualTlsOptions() {
    RpcServerOptions options = TlsOptions();
    options.tls.client_ca = WriteTestFile("ca.pem", authority_.cert());
    return options;
  }

  RpcServerOptions TokenOptions() {
    return {.auth_token_file = WriteTestFile("token", kToken)};
  }

  std::shared_ptr<grpc::Channel> ConnectTls(const Identity& client = {}) {
    return grpc::CreateChannel(
        target(), grpc::SslCredentials({.pem_root_certs = authority_.cert(),
                                        .pem_private_key = client.key,
                                        .pem_cert_chain = client.cert}));
  }

  // Makes a call; `authorization` empty: without that header.
  grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel,
                    const std::string& authorization = "") {
    const auto context = NewContext();
    if (!authorization.empty()) {
      context->AddMetadata("authorization", authorization);
    }
    v1::ListAdaptersResponse response;
    return v1::AdapterService::NewStub(channel)->ListAdapters(context.get(), {},
                                                              &response);
  }

  const TestAuthority authority_;
};

TEST_F(AccessTest, TlsServesClientsThatTrustTheServer) {
  StartReadyServer(nullptr, TlsOptions());
  EXPECT_RPC_OK(Call(ConnectTls()));
}

TEST_F(AccessTest, TlsRefusesPlainText) {
  StartReadyServer(nullptr, TlsOptions());
  EXPECT_EQ(Call(Connect()).error_code(), grpc::UNAVAILABLE);
}

TEST_F(AccessTest, ClientCertificatesAreDemanded) {
  StartReadyServer(nullptr, MutualTlsOptions());
  EXPECT_RPC_OK(Call(ConnectTls(authority_.Issue("client"))));
  EXPECT_EQ(Call(ConnectTls()).error_code(), grpc::UNAVAILABLE);
}

TEST_F(AccessTest, CertificatesOfAnotherAuthorityAreRefused) {
  StartReadyServer(nullptr, MutualTlsOptions());
  EXPECT_EQ(Call(ConnectTls(TestAuthority().Issue("client"))).error_code(),
            grpc::UNAVAILABLE);
}

TEST_F(AccessTest, ATokenIsDemandedOfEveryService) {
  StartReadyServer(EchoScript, TokenOptions());
  EXPECT_RPC_OK(Call(Connect(), "Bearer s3cret"));
  EXPECT_THAT(Call(Connect()),
              IsRpcError(grpc::UNAUTHENTICATED, ErrorReason::kAuth));
  EXPECT_THAT(Call(Connect(), "Bearer wrong"),
              IsRpcError(grpc::UNAUTHENTICATED, ErrorReason::kAuth));
  v1::GenerateResponse response;
  EXPECT_THAT(generation().GenerateText(NewContext().get(), {}, &response),
              IsRpcError(grpc::UNAUTHENTICATED, ErrorReason::kAuth));
  const auto context = NewContext();
  EXPECT_THAT(generation().Generate(context.get(), {})->Finish(),
              IsRpcError(grpc::UNAUTHENTICATED, ErrorReason::kAuth));
  v1::ServerInfo server_info;
  EXPECT_THAT(info().GetServerInfo(NewContext().get(), {}, &server_info),
              IsRpcError(grpc::UNAUTHENTICATED, ErrorReason::kAuth));
}

TEST_F(AccessTest, ATokenIsAskedForBeforeAnythingIsTold) {
  StartServer(TokenOptions());
  EXPECT_THAT(Call(Connect()),
              IsRpcError(grpc::UNAUTHENTICATED, ErrorReason::kAuth));
  EXPECT_THAT(Call(Connect(), "Bearer s3cret"),
              IsRpcError(grpc::UNAVAILABLE, ErrorReason::kStarting));
}

TEST_F(AccessTest, HealthAndReflectionNeedNoToken) {
  StartReadyServer(nullptr, TokenOptions());
  EXPECT_THAT(CheckHealth(Connect(), ""), IsOkAndHolds(Health::kServing));
  EXPECT_OK(ListServices(Connect()));
}

TEST_F(AccessTest, AnUnusableTokenFileKeepsTheServerFromStarting) {
  EXPECT_THAT(
      RpcServer::Start({.listen = "127.0.0.1:0",
                        .auth_token_file = WriteTestFile("empty", "")},
                       *registry_),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kAuth));
}

}  // namespace
}  // namespace lora
