// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <utility>

#include "client/retrying_call.h"

namespace lora {
namespace {

using Outcome = RetryingCall::Outcome;
using Progress = RetryingCall::Progress;

// Hands the messages of one stream on.
template <typename Message>
Outcome ReadStream(grpc::ClientContext& context,
                   grpc::ClientReader<Message>& reader,
                   absl::FunctionRef<StreamAction(const Message&)> callback) {
  Message message;
  Progress progress = Progress::kNone;
  while (reader.Read(&message)) {
    progress = Progress::kData;
    if (callback(message) == StreamAction::kStop) {
      context.TryCancel();
      reader.Finish();
      return {grpc::Status::OK, progress};
    }
  }
  return {reader.Finish(), progress};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(
    const ClientOptions& options) {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(options);
  if (!channel.ok()) return channel.status();
  return std::unique_ptr<Client>(new Client(options, *std::move(channel)));
}

Client::Client(const ClientOptions& options,
               std::shared_ptr<grpc::Channel> channel)
    : options_(options),
      channel_(std::move(channel)),
      adapters_(v1::AdapterService::NewStub(channel_)),
      generation_(v1::GenerationService::NewStub(channel_)),
      server_(v1::ServerService::NewStub(channel_)) {}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Client::Call(
    Stub& stub,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                 Response*),
    const Request& request, const CallOptions& options) {
  Response response;
  const absl::Status status =
      RetryingCall(*channel_, options_, options)
          .Run([&](grpc::ClientContext& context) -> Outcome {
            return {(stub.*method)(&context, request, &response)};
          });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Adapter> Client::LoadAdapter(
    const v1::LoadAdapterRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::LoadAdapter, request,
              options);
}

absl::StatusOr<v1::UnloadAdapterResponse> Client::UnloadAdapter(
    const v1::UnloadAdapterRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::UnloadAdapter, request,
              options);
}

absl::StatusOr<v1::Adapter> Client::UpdateAdapter(
    const v1::UpdateAdapterRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::UpdateAdapter, request,
              options);
}

absl::StatusOr<v1::Adapter> Client::GetAdapter(
    const v1::GetAdapterRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::GetAdapter, request,
              options);
}

absl::StatusOr<v1::ListAdaptersResponse> Client::ListAdapters(
    const v1::ListAdaptersRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::ListAdapters, request,
              options);
}

absl::StatusOr<v1::Adapter> Client::ValidateAdapter(
    const v1::ValidateAdapterRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::ValidateAdapter, request,
              options);
}

absl::StatusOr<v1::MergedAdapter> Client::MergeAdapter(
    const v1::MergeAdapterRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::MergeAdapter, request,
              options);
}

absl::StatusOr<v1::UnmergeAdapterResponse> Client::UnmergeAdapter(
    const v1::UnmergeAdapterRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::UnmergeAdapter, request,
              options);
}

absl::StatusOr<v1::ListMergedAdaptersResponse> Client::ListMergedAdapters(
    const v1::ListMergedAdaptersRequest& request, const CallOptions& options) {
  return Call(*adapters_, &v1::AdapterService::Stub::ListMergedAdapters,
              request, options);
}

absl::Status Client::WatchAdapters(
    absl::FunctionRef<StreamAction(const v1::AdapterEvent&)> callback,
    const CallOptions& options) {
  return RetryingCall(*channel_, options_, options)
      .Run([&](grpc::ClientContext& context) {
        const auto reader = adapters_->WatchAdapters(&context, {});
        return ReadStream(context, *reader, callback);
      });
}

absl::StatusOr<v1::GenerateResponse> Client::GenerateText(
    const v1::GenerateRequest& request, const CallOptions& options) {
  return Call(*generation_, &v1::GenerationService::Stub::GenerateText, request,
              options);
}

absl::Status Client::Generate(
    const v1::GenerateRequest& request,
    absl::FunctionRef<StreamAction(const v1::GenerateResponse&)> callback,
    const CallOptions& options) {
  return RetryingCall(*channel_, options_, options)
      .Run([&](grpc::ClientContext& context) {
        const auto reader = generation_->Generate(&context, request);
        return ReadStream(context, *reader, callback);
      });
}

absl::StatusOr<v1::TokenizeResponse> Client::Tokenize(
    const v1::TokenizeRequest& request, const CallOptions& options) {
  return Call(*generation_, &v1::GenerationService::Stub::Tokenize, request,
              options);
}

absl::StatusOr<v1::DetokenizeResponse> Client::Detokenize(
    const v1::DetokenizeRequest& request, const CallOptions& options) {
  return Call(*generation_, &v1::GenerationService::Stub::Detokenize, request,
              options);
}

absl::StatusOr<v1::ServerInfo> Client::GetServerInfo(
    const CallOptions& options) {
  return Call(*server_, &v1::ServerService::Stub::GetServerInfo,
              v1::GetServerInfoRequest(), options);
}

}  // namespace lora
