// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/status_converter.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "server/base/error.h"

namespace lora {
namespace {

constexpr absl::string_view kDomain = "lora.v1";
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxMetadataBytes = 160;  // An adapter id has 128.
constexpr absl::string_view kEllipsis = "...";

// The length of the well-formed UTF-8 character that `text` begins with; 0 if
// there is none.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [text](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  // The second byte's range excludes overlong forms, surrogates and what lies
  // beyond U+10FFFF (The Unicode Standard, table 3-7).
  const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::string Printable(absl::string_view message, size_t max_bytes) {
  std::string text;
  while (!message.empty()) {
    const size_t length = Utf8Length(message);
    if (text.size() + length + kEllipsis.size() > max_bytes) {
      text.append(kEllipsis.data(), kEllipsis.size());
      break;
    }
    if (length == 0) {
      text.push_back('?');
      message.remove_prefix(1);
    } else {
      text.append(message.data(), length);
      message.remove_prefix(length);
    }
  }
  return text;
}

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
