// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/status_converter.h"

#include <string>

#include "absl/strings/match.h"
#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Pair;

absl::Status Failure(absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition,
               ErrorReason::kModuleNotFound, message);
}

TEST(StatusConverterTest, CodeMessageAndReasonTravel) {
  const grpc::Status status = ToGrpcStatus(Failure("no such module"));
  EXPECT_EQ(status.error_message(), "no such module");
  EXPECT_THAT(status, IsRpcError(grpc::FAILED_PRECONDITION,
                                 ErrorReason::kModuleNotFound));
}

TEST(StatusConverterTest, MetadataTravelsAndIsCut) {
  const grpc::Status status =
      ToGrpcStatus(WithAdapter(Failure("no"), AdapterId("sql")));
  EXPECT_THAT(ErrorInfoOf(status).metadata(),
              ElementsAre(Pair("adapter_id", "sql")));
  const grpc::Status cut = ToGrpcStatus(
      WithAdapter(Failure("no"), AdapterId(std::string(5000, 'x'))));
  EXPECT_THAT(ErrorInfoOf(cut).metadata().at("adapter_id").size(), Le(160));
}

TEST(StatusConverterTest, EveryCodeKeepsItsNumber) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(
        absl::Status(static_cast<absl::StatusCode>(code), "message"));
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "UNSPECIFIED");
  }
}

TEST(StatusConverterTest, OkHasNoDetails) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ToProto(absl::OkStatus()).ByteSizeLong(), 0);
}

TEST(StatusConverterTest, LongMessagesAreCutToFitIntoTrailers) {
  const grpc::Status status = ToGrpcStatus(Failure(std::string(5000, 'x')));
  EXPECT_EQ(status.error_message().size(), 1024);
  EXPECT_THAT(status.error_message(), HasSubstr("x...x"));
}

TEST(StatusConverterTest, CuttingNeverSplitsACharacter) {
  std::string message;
  while (message.size() < 3000) message += "\xF0\x9F\x98\x80";
  const std::string cut = ToProto(Failure(message)).message();
  EXPECT_THAT(cut.size(), Le(1024));
  EXPECT_THAT(cut, HasSubstr("\xF0\x9F\x98\x80...\xF0\x9F\x98\x80"));
}

TEST(StatusConverterTest, WellFormedUtf8Stays) {
  for (const std::string text :
       {"\xC3\xA9", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "a\tb"}) {
    EXPECT_EQ(ToProto(Failure(text)).message(), text);
  }
}

TEST(StatusConverterTest, OtherBytesBecomeQuestionMarks) {
  EXPECT_EQ(ToProto(Failure("a\xFF"
                            "b"))
                .message(),
            "a?b");
  EXPECT_EQ(ToProto(Failure("\xC0\xAF")).message(), "??");       // Overlong.
  EXPECT_EQ(ToProto(Failure("\xE0\x9F\xBF")).message(), "???");  // Overlong.
  EXPECT_EQ(ToProto(Failure("\xED\xA0\x80")).message(), "???");  // Surrogate.
  EXPECT_EQ(ToProto(Failure("\xF4\x90\x80\x80")).message(), "????");
  EXPECT_EQ(ToProto(Failure("x\xE2\x82")).message(), "x??");  // Cut off.
  EXPECT_EQ(ToProto(Failure("\xE2(\xA1")).message(), "?(?");
}

}  // namespace
}  // namespace lora
