// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/rpc_metrics.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/support/interceptor.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "server/rpc/find_method.h"

namespace lora {
namespace {

using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;
using SteadyClock = std::chrono::steady_clock;

const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60};

struct Families {
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Histogram>& duration;
};

std::string CodeName(grpc::StatusCode code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

// "lora.v1.AdapterService/LoadAdapter" for a method that exists. gRPC also asks
// for interceptors of methods that do not.
std::string MethodLabel(absl::string_view path) {
  const google::protobuf::MethodDescriptor* method = FindMethod(path);
  return method == nullptr ? "other"
                           : absl::StrCat(method->service()->full_name(), "/",
                                          method->name());
}

// Watches one call. gRPC runs its hooks one at a time.
class CallObserver final : public Interceptor {
 public:
  CallObserver(const Families& families, std::string method)
      : families_(families), method_(std::move(method)) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    using grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS)) {
      Record(methods->GetSendStatus().error_code());
    }
    methods->Proceed();
  }

 private:
  void Record(grpc::StatusCode code) {
    const std::string name = code == grpc::OK ? "OK" : CodeName(code);
    families_.requests.Add({{"method", method_}, {"code", name}}).Increment();
    const std::chrono::duration<double> took = SteadyClock::now() - begin_;
    LogDebug("rpc_finished",
             {{"method", method_}, {"code", name}, {"seconds", took.count()}});
    families_.duration.Add({{"method", method_}}, kSeconds)
        .Observe(took.count());
  }

  const Families families_;
  const std::string method_;
  const SteadyClock::time_point begin_ = SteadyClock::now();
};

class Factory final : public ServerInterceptorFactoryInterface {
 public:
  explicit Factory(const Families& families) : families_(families) {}

  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    return new CallObserver(families_, MethodLabel(info->method()));
  }

 private:
  const Families families_;
};

}  // namespace

std::unique_ptr<ServerInterceptorFactoryInterface> MakeRpcMetrics(
    prometheus::Registry& registry) {
  return std::make_unique<Factory>(
      Families{.requests = prometheus::BuildCounter()
                               .Name("lora_rpc_requests_total")
                               .Help("Finished calls by method and gRPC code.")
                               .Register(registry),
               .duration = prometheus::BuildHistogram()
                               .Name("lora_rpc_duration_seconds")
                               .Help("From a call's headers to its status.")
                               .Register(registry)});
}

}  // namespace lora
