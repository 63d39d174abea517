// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_CLIENT_H_
#define LORA_CLIENT_CLIENT_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client_options.h"
#include "lora/v1/adapter_service.grpc.pb.h"
#include "lora/v1/generation_service.grpc.pb.h"
#include "lora/v1/server_service.grpc.pb.h"

namespace lora {

// What the callback of a stream wants next.
enum class StreamAction : uint8_t { kContinue, kStop };

// A connection to a lora-server.
//
//   ASSIGN client = Client::Connect({.endpoint = "127.0.0.1:50051"});
//   v1::GenerateRequest request;
//   request.set_text("hello>");
//   request.add_adapters()->set_adapter_id("reverse");
//   StatusOr<v1::GenerateResponse> answer = client->GenerateText(request);
//
// Every call blocks until it is answered or CallOptions::timeout has passed,
// and is made again on UNAVAILABLE as ClientOptions::retry says. Errors are
// those of the server, ReasonOf (client/status.h) tells why; UNAVAILABLE
// without a reason: there is no server. Thread-safe.
class Client {
 public:
  // Errors as OpenChannel; the connection is made by the first call.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(
      const ClientOptions& options);

  // Adapters.
  absl::StatusOr<v1::Adapter> LoadAdapter(const v1::LoadAdapterRequest& request,
                                          const CallOptions& options = {});
  absl::StatusOr<v1::UnloadAdapterResponse> UnloadAdapter(
      const v1::UnloadAdapterRequest& request, const CallOptions& options = {});
  absl::StatusOr<v1::Adapter> UpdateAdapter(
      const v1::UpdateAdapterRequest& request, const CallOptions& options = {});
  absl::StatusOr<v1::Adapter> GetAdapter(const v1::GetAdapterRequest& request,
                                         const CallOptions& options = {});
  absl::StatusOr<v1::ListAdaptersResponse> ListAdapters(
      const v1::ListAdaptersRequest& request, const CallOptions& options = {});
  absl::StatusOr<v1::Adapter> ValidateAdapter(
      const v1::ValidateAdapterRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::MergedAdapter> MergeAdapter(
      const v1::MergeAdapterRequest& request, const CallOptions& options = {});
  absl::StatusOr<v1::UnmergeAdapterResponse> UnmergeAdapter(
      const v1::UnmergeAdapterRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::ListMergedAdaptersResponse> ListMergedAdapters(
      const v1::ListMergedAdaptersRequest& request,
      const CallOptions& options = {});
  // Calls `callback` with every event until it says kStop (then: OK) or the
  // call ends otherwise.
  absl::Status WatchAdapters(
      absl::FunctionRef<StreamAction(const v1::AdapterEvent&)> callback,
      const CallOptions& options = {});

  // Generation.
  absl::StatusOr<v1::GenerateResponse> GenerateText(
      const v1::GenerateRequest& request, const CallOptions& options = {});
  // Calls `callback` with every message as it comes; kStop ends the request
  // (then: OK). The last message carries finish_reason, usage and provenance.
  absl::Status Generate(
      const v1::GenerateRequest& request,
      absl::FunctionRef<StreamAction(const v1::GenerateResponse&)> callback,
      const CallOptions& options = {});
  absl::StatusOr<v1::TokenizeResponse> Tokenize(
      const v1::TokenizeRequest& request, const CallOptions& options = {});
  absl::StatusOr<v1::DetokenizeResponse> Detokenize(
      const v1::DetokenizeRequest& request, const CallOptions& options = {});

  // The server.
  absl::StatusOr<v1::ServerInfo> GetServerInfo(const CallOptions& options = {});

 private:
  Client(const ClientOptions& options, std::shared_ptr<grpc::Channel> channel);

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request, const CallOptions& options);

  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::AdapterService::Stub> adapters_;
  const std::unique_ptr<v1::GenerationService::Stub> generation_;
  const std::unique_ptr<v1::ServerService::Stub> server_;
};

}  // namespace lora

#endif  // LORA_CLIENT_CLIENT_H_
