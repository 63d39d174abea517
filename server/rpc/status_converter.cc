// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/status_converter.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "server/base/error.h"
#include "server/rpc/printable.h"

namespace lora {
namespace {

constexpr absl::string_view kDomain = "lora.v1";
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxMetadataBytes = 160;  // An adapter id has 128.

}  // namespace

google::rpc::Status ToProto(const absl::Status& status) {
  google::rpc::Status proto;
  if (status.ok()) return proto;
  proto.set_code(static_cast<int>(status.code()));
  proto.set_message(Printable(status.message(), kMaxMessageBytes));
  google::rpc::ErrorInfo info;
  const absl::string_view reason = ErrorReasonName(GetErrorReason(status));
  info.set_reason(reason.data(), reason.size());
  info.set_domain(kDomain.data(), kDomain.size());
  for (const auto& [key, value] : GetErrorMetadata(status)) {
    (*info.mutable_metadata())[key] = Printable(value, kMaxMetadataBytes);
  }
  proto.add_details()->PackFrom(info);
  return proto;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status proto = ToProto(status);
  return grpc::Status(static_cast<grpc::StatusCode>(proto.code()),
                      proto.message(), proto.SerializeAsString());
}

}  // namespace lora
