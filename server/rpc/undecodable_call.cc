// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/undecodable_call.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/support/interceptor.h>
#include <grpcpp/support/status.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/find_method.h"
#include "server/rpc/status_converter.h"

namespace lora {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

// No method of ours ends so: ours say why.
bool IsUndecodable(const grpc::Status& status) {
  return status.error_code() == grpc::UNIMPLEMENTED &&
         status.error_message().empty() && status.error_details().empty();
}

class Refusal final : public Interceptor {
 public:
  Refusal(const grpc::ServerContextBase* context, std::string message_type)
      : context_(*context), message_type_(std::move(message_type)) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS) &&
        IsUndecodable(methods->GetSendStatus())) {
      methods->ModifySendStatus(ToGrpcStatus(WhatIsWrong()));
    }
    methods->Proceed();
  }

 private:
  absl::Status WhatIsWrong() const {
    // Its caller was gone before the message was here.
    if (context_.IsCancelled()) {
      return Error(absl::StatusCode::kCancelled, ErrorReason::kCancelled,
                   "the caller cancelled the request");
    }
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
                 absl::StrCat("the request is not a ", message_type_,
                              " that can be decoded: send one message, whose "
                              "strings are all UTF-8"));
  }

  const grpc::ServerContextBase& context_;
  const std::string message_type_;
};

class Factory final : public ServerInterceptorFactoryInterface {
 public:
  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    const google::protobuf::MethodDescriptor* method =
        FindMethod(info->method());
    if (method == nullptr) return nullptr;  // UNIMPLEMENTED is right there.
    return new Refusal(info->server_context(),
                       method->input_type()->full_name());
  }
};

}  // namespace

std::unique_ptr<ServerInterceptorFactoryInterface>
MakeUndecodableCallRefusal() {
  return std::make_unique<Factory>();
}

}  // namespace lora
