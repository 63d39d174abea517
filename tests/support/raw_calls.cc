// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_calls.h"

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lora {
namespace {

// Makes one call without generated stubs: sends `request`, returns the first
// message and the status.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(const std::shared_ptr<grpc::Channel>& channel,
                              const std::string& method,
                              const Request& request) {
  grpc::TemplatedGenericStub<Request, Response> stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(1)));
  grpc::CompletionQueue queue;
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto stream = stub.PrepareCall(&context, method, &queue);
  stream->StartCall(nullptr);
  Response response;
  if (wait()) {
    stream->WriteLast(request, grpc::WriteOptions(), nullptr);
    if (wait()) {
      stream->Read(&response, nullptr);
      wait();
    }
  }
  grpc::Status status;
  stream->Finish(&status, nullptr);
  wait();
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        status.error_message());
  }
  return response;
}

}  // namespace

absl::StatusOr<Health> CheckHealth(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  // The same on the wire: one string, one enum.
  google::protobuf::StringValue request;
  request.set_value(service);
  const auto response =
      Call<google::protobuf::StringValue, google::protobuf::Int32Value>(
          channel, "/grpc.health.v1.Health/Check", request);
  if (!response.ok()) return response.status();
  return static_cast<Health>(response->value());
}

absl::StatusOr<std::string> ListServices(
    const std::shared_ptr<grpc::Channel>& channel) {
  // ServerReflectionRequest{list_services: "*"}: field 7, one byte long.
  const grpc::Slice slice("\x3A\x01*");
  const auto response = Call<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      grpc::ByteBuffer(&slice, 1));
  if (!response.ok()) return response.status();
  grpc::Slice bytes;
  if (!response->DumpToSingleSlice(&bytes).ok()) {
    return absl::InternalError("cannot read the answer");
  }
  return std::string(reinterpret_cast<const char*>(bytes.begin()),
                     bytes.size());
}

absl::Status CallEmpty(const std::shared_ptr<grpc::Channel>& channel,
                       const std::string& method) {
  return Call<grpc::ByteBuffer, grpc::ByteBuffer>(channel, method,
                                                  grpc::ByteBuffer(nullptr, 0))
      .status();
}

}  // namespace lora
