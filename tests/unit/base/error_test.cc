// SPDX-License-Identifier: Apache-2.0
#include "server/base/error.h"

#include <set>
#include <string>

#include "absl/strings/cord.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Pair;

TEST(ErrorTest, AnErrorCarriesCodeReasonAndMessage) {
  const absl::Status status =
      Error(absl::StatusCode::kInvalidArgument, ErrorReason::kRank, "r is 0");
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kRank));
  EXPECT_EQ(status.message(), "r is 0");
}

TEST(ErrorTest, AStatusWithoutReasonIsUnspecified) {
  EXPECT_EQ(GetErrorReason(absl::OkStatus()), ErrorReason::kUnspecified);
  EXPECT_EQ(GetErrorReason(absl::InternalError("x")),
            ErrorReason::kUnspecified);
}

TEST(ErrorTest, EveryReasonHasANameOfItsOwnAndComesBack) {
  std::set<std::string> names;
  const int last = static_cast<int>(ErrorReason::kInternal);
  for (int i = 1; i <= last; ++i) {
    const auto reason = static_cast<ErrorReason>(i);
    const std::string name(ErrorReasonName(reason));
    EXPECT_THAT(name, MatchesRegex("[A-Z][A-Z_]*")) << i;
    EXPECT_NE(name, "UNSPECIFIED") << i;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(
        GetErrorReason(Error(absl::StatusCode::kInternal, reason, "message")),
        reason);
  }
}

TEST(ErrorTest, AnErrorSaysWhichAdapterItIsAboutTheInnermostKnowsBest) {
  const absl::Status status = WithAdapter(
      WithAdapter(
          Error(absl::StatusCode::kNotFound, ErrorReason::kAdapter, "no 'a'"),
          AdapterId("a")),
      AdapterId("b"));
  EXPECT_THAT(GetErrorMetadata(Annotate(status, "request 7")),
              ElementsAre(Pair("adapter_id", "a")));
  EXPECT_EQ(GetErrorReason(status), ErrorReason::kAdapter);
  EXPECT_THAT(GetErrorMetadata(absl::InternalError("x")), IsEmpty());
}

TEST(ErrorTest, AnnotateKeepsCodeReasonAndOtherPayloads) {
  absl::Status status =
      Error(absl::StatusCode::kNotFound, ErrorReason::kAdapter, "no 'a'");
  status.SetPayload("other", absl::Cord("kept"));
  const absl::Status annotated = Annotate(status, "request 7");
  EXPECT_THAT(annotated,
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapter));
  EXPECT_EQ(annotated.message(), "request 7: no 'a'");
  EXPECT_EQ(annotated.GetPayload("other"), absl::Cord("kept"));
}

}  // namespace
}  // namespace lora
