// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/generation_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_generation.h"
#include "server/rpc/convert_generation_request.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/refused_stream.h"
#include "server/rpc/stream_reactor.h"
#include "server/rpc/unary_call.h"

namespace lora {
namespace {

using UnaryCallPtr = std::shared_ptr<UnaryCall>;

// Collects a whole answer. On the engine's threads, one at a time.
class CollectingSink final : public TokenSink {
 public:
  CollectingSink(UnaryCallPtr call, v1::GenerateResponse* response)
      : call_(std::move(call)), response_(*response) {}

  void OnDelta(GenerationDelta delta) override { AppendTo(response_, delta); }

  void OnFinish(absl::StatusOr<GenerationResult> result) override {
    if (result.ok()) AppendTo(response_, *result);
    call_->Answer(result.status());
  }

 private:
  const UnaryCallPtr call_;
  v1::GenerateResponse& response_;
};

// A request that the engine will certainly be given: an id that is announced
// and never submitted would stay for ever.
struct ReadyRequest {
  SequenceId id;
  GenerationRequest request;
};

absl::StatusOr<ReadyRequest> ReadRequest(
    const grpc::CallbackServerContext& context,
    const v1::GenerateRequest& proto, Engine& engine) {
  LORA_ASSIGN_OR_RETURN(GenerationRequest request, FromProto(proto));
  request.deadline = FromGrpc(context.raw_deadline());
  const SequenceId id = engine.NewSequenceId();
  if (request.request_id.empty()) {
    request.request_id = absl::StrCat("request-", id.value());
  }
  return ReadyRequest{id, std::move(request)};
}

}  // namespace

grpc::ServerWriteReactor<v1::GenerateResponse>* GenerationService::Generate(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request) {
  using Refused = RefusedStream<v1::GenerateResponse>;
  const absl::StatusOr<Backend> backend = gate_.Admit(*context, *request);
  if (!backend.ok()) return new Refused(backend.status());
  absl::StatusOr<ReadyRequest> read =
      ReadRequest(*context, *request, *backend->engine);
  if (!read.ok()) return new Refused(read.status());
  return StreamReactor::Start(*backend->engine, read->id,
                              std::move(read->request));
}

grpc::ServerUnaryReactor* GenerationService::GenerateText(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request,
    v1::GenerateResponse* response) {
  return AnswerLater([&](const UnaryCallPtr& call) -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_ASSIGN_OR_RETURN(ReadyRequest read,
                          ReadRequest(*context, *request, *backend.engine));
    call->OnCallerGone(
        [engine = backend.engine, id = read.id] { engine->Cancel(id); });
    backend.engine->Submit(read.id, std::move(read.request),
                           std::make_shared<CollectingSink>(call, response));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* GenerationService::Tokenize(
    grpc::CallbackServerContext* context, const v1::TokenizeRequest* request,
    v1::TokenizeResponse* response) {
  return AnswerLater([&](const UnaryCallPtr& call) -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_ASSIGN_OR_RETURN(PromptInput prompt, FromProto(*request));
    backend.engine->Tokenize(
        std::move(prompt), [call] { return !call->caller_gone(); },
        [call, response](absl::StatusOr<TokenizedPrompt> result) {
          if (result.ok()) *response = ToProto(*result);
          call->Answer(result.status());
        });
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* GenerationService::Detokenize(
    grpc::CallbackServerContext* context, const v1::DetokenizeRequest* request,
    v1::DetokenizeResponse* response) {
  return AnswerLater([&](const UnaryCallPtr& call) -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    backend.engine->Detokenize(
        {request->ids().begin(), request->ids().end()},
        request->skip_special_tokens(), [call] { return !call->caller_gone(); },
        [call, response](absl::StatusOr<std::string> text) {
          if (text.ok()) response->set_text(*std::move(text));
          call->Answer(text.status());
        });
    return absl::OkStatus();
  });
}

}  // namespace lora
