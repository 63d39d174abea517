// SPDX-License-Identifier: Apache-2.0
#include "client/status.h"

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

grpc::Status ServerError(grpc::StatusCode code, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  google::rpc::Status details;
  details.set_code(code);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, "message", details.SerializeAsString());
}

TEST(ClientStatusTest, CodeMessageAndReasonArrive) {
  const absl::Status status =
      FromGrpcStatus(ServerError(grpc::NOT_FOUND, "ADAPTER"));
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "message");
  EXPECT_EQ(ReasonOf(status), "ADAPTER");
}

TEST(ClientStatusTest, ReasonsOfNewerServersArriveToo) {
  EXPECT_EQ(ReasonOf(FromGrpcStatus(
                ServerError(grpc::INVALID_ARGUMENT, "BRAND_NEW"))),
            "BRAND_NEW");
}

TEST(ClientStatusTest, OkHasNoReason) {
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
}

TEST(ClientStatusTest, DetailsThatCannotBeReadAreIgnored) {
  for (const std::string details : {"", "\xFF\xFF garbage"}) {
    const absl::Status status =
        FromGrpcStatus(grpc::Status(grpc::INTERNAL, "message", details));
    EXPECT_TRUE(absl::IsInternal(status));
    EXPECT_EQ(ReasonOf(status), "");
  }
}

TEST(ClientStatusTest, AServerThatSaysUnavailableWasReached) {
  EXPECT_TRUE(IsUnreachable(
      FromGrpcStatus(grpc::Status(grpc::UNAVAILABLE, "no route"))));
  EXPECT_FALSE(IsUnreachable(
      FromGrpcStatus(ServerError(grpc::UNAVAILABLE, "STARTING"))));
  EXPECT_FALSE(
      IsUnreachable(FromGrpcStatus(grpc::Status(grpc::INTERNAL, "broken"))));
  EXPECT_FALSE(IsUnreachable(absl::OkStatus()));
}

}  // namespace
}  // namespace lora
