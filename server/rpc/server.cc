// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/rpc/auth.h"
#include "server/rpc/rpc_metrics.h"
#include "server/rpc/tls.h"
#include "server/rpc/undecodable_call.h"

namespace lora {
namespace {

// The names that a health check may ask for; "" is the whole server.
const std::string kServiceNames[] = {"",
                                     v1::AdapterService::service_full_name(),
                                     v1::GenerationService::service_full_name(),
                                     v1::ServerService::service_full_name()};

// A peer that vanished without a word is found out by pings, so that its
// requests end.
constexpr absl::Duration kPingInterval = absl::Seconds(60);
constexpr absl::Duration kPingTimeout = absl::Seconds(20);

absl::Status CannotListen(const ListenAddress& address) {
  return Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kParam,
               absl::StrCat("cannot listen on ", address.text,
                            ": expected an address of this machine with a free "
                            "port that this user may bind"));
}

void SetChannelArguments(grpc::ServerBuilder& builder) {
  // Two servers on one port would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(
      GRPC_ARG_KEEPALIVE_TIME_MS,
      static_cast<int>(absl::ToInt64Milliseconds(kPingInterval)));
  builder.AddChannelArgument(
      GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
      static_cast<int>(absl::ToInt64Milliseconds(kPingTimeout)));
}

void LogListening(const ListenAddress& address, int port,
                  const RpcServerOptions& options) {
  LogInfo("listening", {{"address", address.text},
                        {"tls", !options.tls.cert.empty()},
                        {"client_certs", !options.tls.client_ca.empty()},
                        {"token", !options.auth_token_file.empty()},
                        {"port", port}});
  if (address.reach == Reach::kThisMachine) return;
  if (options.tls.client_ca.empty() && options.auth_token_file.empty()) {
    LogWarn("open_to_anybody",
            {{"text",
              "the network reaches this port, and nobody is asked who "
              "they are: use --tls-client-ca or --auth-token-file"}});
  } else if (options.tls.cert.empty()) {
    LogWarn("token_unencrypted",
            {{"text", "tokens cross the network as they are: use --tls-cert"}});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(
    const RpcServerOptions& options, prometheus::Registry& registry) {
  LORA_ASSIGN_OR_RETURN(const ListenAddress address,
                        ParseListenAddress(options.listen));
  LORA_RETURN_IF_ERROR(CheckExposure(address, options));
  std::string token;
  if (!options.auth_token_file.empty()) {
    LORA_ASSIGN_OR_RETURN(token, ReadToken(options.auth_token_file));
  }
  std::unique_ptr<RpcServer> server(
      new RpcServer(std::move(token), options.max_message_bytes, absl::Now()));
  LORA_RETURN_IF_ERROR(server->Listen(address, options, registry));
  return server;
}

RpcServer::RpcServer(std::string token, int max_message_bytes,
                     absl::Time start_time)
    : gate_(std::move(token), max_message_bytes),
      adapter_service_(gate_),
      generation_service_(gate_),
      server_service_(gate_, start_time) {}

RpcServer::~RpcServer() {
  if (server_ != nullptr) Shutdown(absl::Now());
}

absl::Status RpcServer::Listen(const ListenAddress& address,
                               const RpcServerOptions& options,
                               prometheus::Registry& registry) {
  LORA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ServerCredentials> creds,
                        BuildServerCredentials(options.tls));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address.text, creds, &port_);
  // What is not much too long is refused by the gate, which says why.
  builder.SetMaxReceiveMessageSize(2 * options.max_message_bytes);
  SetChannelArguments(builder);
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(MakeUndecodableCallRefusal());
  interceptors.push_back(MakeRpcMetrics(registry));  // Sees what is sent.
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  builder.RegisterService(&adapter_service_);
  builder.RegisterService(&generation_service_);
  builder.RegisterService(&server_service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return CannotListen(address);
  // gRPC makes its health service while it starts to listen: for an instant
  // before this line "" is SERVING and the services are unknown, not SERVING.
  SetHealth(Health::kNotServing);
  LogListening(address, port_, options);
  return absl::OkStatus();
}

void RpcServer::SetReady(Engine& engine, AdapterPlane& adapters) {
  gate_.Open({.engine = &engine, .adapters = &adapters});
  MutexLock lock(mu_);
  if (!draining_) SetHealth(Health::kServing);
}

void RpcServer::BeginDrain() {
  MutexLock lock(mu_);
  draining_ = true;
  SetHealth(Health::kNotServing);
}

void RpcServer::Shutdown(absl::Time deadline) {
  BeginDrain();
  adapter_service_.EndWatches();
  // gRPC takes a time before 1970 for never.
  server_->Shutdown(absl::ToChronoTime(std::max(deadline, absl::UnixEpoch())));
}

void RpcServer::SetHealth(Health health) {
  for (const std::string& name : kServiceNames) {
    server_->GetHealthCheckService()->SetServingStatus(
        name, health == Health::kServing);
  }
}

}  // namespace lora
