// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/adapter_service.h"

#include <memory>
#include <utility>
#include <vector>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_adapter.h"
#include "server/rpc/convert_adapter_request.h"
#include "server/rpc/refused_stream.h"
#include "server/rpc/unary_call.h"
#include "server/rpc/watch_reactor.h"

namespace lora {
namespace {

using UnaryCallPtr = std::shared_ptr<UnaryCall>;

v1::Adapter Describe(const AdapterInfo& info, const Backend& backend) {
  return ToProto(info, MergedIds(backend.engine->ListMerged()));
}

// `status`; a failure says that it is about the adapter of `request`.
template <typename Request>
absl::Status About(const Request& request, const absl::Status& status) {
  return status.ok() ? status
                     : WithAdapter(status, AdapterId(request.adapter_id()));
}
absl::Status About(const v1::ValidateAdapterRequest&,
                   const absl::Status& status) {
  return status;  // It has no name.
}

// Answers `call` with an adapter.
template <typename Request>
AdapterPlane::InfoCallback AnswerWithAdapter(UnaryCallPtr call,
                                             const Backend& backend,
                                             const Request& request,
                                             v1::Adapter* response) {
  return [call = std::move(call), backend, &request,
          response](absl::StatusOr<AdapterInfo> info) {
    if (info.ok()) *response = Describe(*info, backend);
    call->Answer(About(request, info.status()));
  };
}

void CancelWithCaller(const UnaryCallPtr& call, const Backend& backend,
                      WaitId wait) {
  call->OnCallerGone(
      [adapters = backend.adapters, wait] { adapters->CancelWait(wait); });
}

absl::Status CheckOneName(const v1::UnmergeAdapterRequest& request) {
  if (request.merged_id().empty() != request.components().empty()) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
               "the request names both merged_id and components or neither, "
               "expected one of them");
}

}  // namespace

grpc::ServerUnaryReactor* AdapterService::LoadAdapter(
    grpc::CallbackServerContext* context, const v1::LoadAdapterRequest* request,
    v1::Adapter* response) {
  return AnswerLater([&](const UnaryCallPtr& call) -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_ASSIGN_OR_RETURN(LoadAdapterSpec spec, FromProto(*request));
    const WaitId wait = backend.adapters->Load(
        std::move(spec), AnswerWithAdapter(call, backend, *request, response));
    CancelWithCaller(call, backend, wait);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdapterService::UnloadAdapter(
    grpc::CallbackServerContext* context,
    const v1::UnloadAdapterRequest* request,
    v1::UnloadAdapterResponse* response) {
  return AnswerLater([&](const UnaryCallPtr& call) -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_ASSIGN_OR_RETURN(UnloadAdapterSpec spec, FromProto(*request));
    const WaitId wait = backend.adapters->Unload(
        std::move(spec),
        [call, request, response](absl::StatusOr<UnloadResult> result) {
          if (result.ok()) *response = ToProto(*result);
          call->Answer(About(*request, result.status()));
        });
    CancelWithCaller(call, backend, wait);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdapterService::UpdateAdapter(
    grpc::CallbackServerContext* context,
    const v1::UpdateAdapterRequest* request, v1::Adapter* response) {
  return AnswerLater([&](const UnaryCallPtr& call) -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_ASSIGN_OR_RETURN(const UpdateAdapterSpec spec, FromProto(*request));
    backend.adapters->Update(
        spec, AnswerWithAdapter(call, backend, *request, response));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdapterService::GetAdapter(
    grpc::CallbackServerContext* context, const v1::GetAdapterRequest* request,
    v1::Adapter* response) {
  return AnswerNow(context, [&]() -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    const absl::StatusOr<AdapterInfo> info =
        backend.adapters->Get(AdapterId(request->adapter_id()));
    if (info.ok()) *response = Describe(*info, backend);
    return About(*request, info.status());
  });
}

grpc::ServerUnaryReactor* AdapterService::ListAdapters(
    grpc::CallbackServerContext* context,
    const v1::ListAdaptersRequest* request,
    v1::ListAdaptersResponse* response) {
  return AnswerNow(context, [&]() -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_ASSIGN_OR_RETURN(const int32_t page_size, PageSizeOf(*request));
    LORA_ASSIGN_OR_RETURN(const AdapterPage page,
                          backend.adapters->List(request->filter(), page_size,
                                                 request->page_token()));
    const AdapterIdSet merged = MergedIds(backend.engine->ListMerged());
    for (const AdapterInfo& info : page.adapters) {
      *response->add_adapters() = ToProto(info, merged);
    }
    response->set_next_page_token(page.next_page_token);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::AdapterEvent>* AdapterService::WatchAdapters(
    grpc::CallbackServerContext* context,
    const v1::WatchAdaptersRequest* request) {
  const absl::StatusOr<Backend> backend = gate_.Admit(*context, *request);
  if (!backend.ok()) {
    return new RefusedStream<v1::AdapterEvent>(backend.status());
  }
  const std::shared_ptr<WatchReactor> watch = WatchReactor::Start(*backend);
  watchers_.Add(watch);
  return watch.get();
}

grpc::ServerUnaryReactor* AdapterService::ValidateAdapter(
    grpc::CallbackServerContext* context,
    const v1::ValidateAdapterRequest* request, v1::Adapter* response) {
  return AnswerLater([&](const UnaryCallPtr& call) -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_ASSIGN_OR_RETURN(const AdapterLoadOptions options,
                          FromProto(request->options()));
    const WaitId wait = backend.adapters->Validate(
        request->source(), options,
        AnswerWithAdapter(call, backend, *request, response));
    CancelWithCaller(call, backend, wait);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdapterService::MergeAdapter(
    grpc::CallbackServerContext* context,
    const v1::MergeAdapterRequest* request, v1::MergedAdapter* response) {
  return AnswerLater([&](const UnaryCallPtr& call) -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_ASSIGN_OR_RETURN(std::vector<WeightedAdapterId> components,
                          FromProto(request->components()));
    const MergeId merge = backend.engine->Merge(
        std::move(components), request->pinned(),
        [call, response](absl::StatusOr<MergedAdapterInfo> info) {
          if (info.ok()) *response = ToProto(*info);
          call->Answer(info.status());
        });
    call->OnCallerGone(
        [engine = backend.engine, merge] { engine->CancelMerge(merge); });
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdapterService::UnmergeAdapter(
    grpc::CallbackServerContext* context,
    const v1::UnmergeAdapterRequest* request,
    v1::UnmergeAdapterResponse* response) {
  return AnswerNow(context, [&]() -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    LORA_RETURN_IF_ERROR(CheckOneName(*request));
    LORA_ASSIGN_OR_RETURN(const std::vector<WeightedAdapterId> components,
                          FromProto(request->components()));
    LORA_ASSIGN_OR_RETURN(
        const int64_t freed_bytes,
        backend.engine->Unmerge(request->merged_id(), components));
    response->set_freed_bytes(freed_bytes);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdapterService::ListMergedAdapters(
    grpc::CallbackServerContext* context,
    const v1::ListMergedAdaptersRequest* request,
    v1::ListMergedAdaptersResponse* response) {
  return AnswerNow(context, [&]() -> absl::Status {
    LORA_ASSIGN_OR_RETURN(const Backend backend,
                          gate_.Admit(*context, *request));
    for (const MergedAdapterInfo& info : backend.engine->ListMerged()) {
      *response->add_merged_adapters() = ToProto(info);
    }
    return absl::OkStatus();
  });
}

}  // namespace lora
